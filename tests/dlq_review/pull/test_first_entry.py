import pytest

from dlq_review.models import AuditEntry
from processing.delivery import processor
from tests.builders import dead_letter, message, order_created

pytestmark = pytest.mark.django_db
VERY_SAME = "Already processed, with this very body."


@pytest.mark.parametrize(
    ("processed", "reason", "state"),
    [(False, "", "open"), (True, VERY_SAME, "resolved")],
)
def test_the_first_entry_of_a_letter_says_how_it_came(
    *, processed: bool, reason: str, state: str
) -> None:
    event = order_created()
    if processed:
        processor.handle(message(event))
    letter = dead_letter(event)
    names = ("letter", "actor", "verb", "reason", "before", "after")
    (entry,) = AuditEntry.objects.values_list(*names)
    assert entry == (letter.pk, "", "pulled", reason, "", state)
    assert letter.state == state
