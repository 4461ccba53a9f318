"""What is known of a failure beside the body."""

import pytest

from dlq_review.search.circumstances import circumstances
from processing.events.masking import MASK
from tests.builders import dead_letter, failed_attempt, failure, order_created

pytestmark = pytest.mark.django_db


def test_each_letter_has_circumstances_of_its_own() -> None:
    letters, wanted = [], []
    for number in (1, 2):
        event = order_created()
        at = f"2026-11-20T1{number}:30:00+00:00"
        told = failure(release=f"r{number}", failed_at=at)
        letters.append(dead_letter(event, attributes={**told, "shop": f"s{number}"}))
        failed_attempt(event, queue="orders", worker=f"w{number}")
        wanted.append(
            {
                "hour": f"2026-11-20T1{number}",
                "release": f"r{number}",
                "worker": f"w{number}",
                "attribute": {"shop": f"s{number}"},
            }
        )
    assert [*circumstances(letters, masked=False).values()] == wanted


def test_of_the_attributes_only_those_that_name_nobody_are_shown() -> None:
    given = {"shop": "s1", "type": "order_updated"}
    letter = dead_letter(attributes=given)
    shown = circumstances([letter], masked=True)[letter.pk]
    assert shown["attribute"] == {"shop": MASK, "type": "order_updated"}
