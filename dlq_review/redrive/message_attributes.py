"""The message attributes of a redrive: our mark, beside those of the producer."""

from collections.abc import Sequence

from dlq_review.models import Arrival, DeadLetter
from processing.events.attributes import FAILURE, REDRIVE, Attributes


def attributes_of(letters: Sequence[DeadLetter]) -> list[Attributes]:
    """For each of *letters*: its redrive, and what its last arrival brought."""
    came = Arrival.objects.filter(letter__in=letters).order_by("pulled_at", "id")
    last = {
        letter: Attributes(texts, types)
        for letter, texts, types in came.values_list(
            "letter", "attributes", "attribute_types"
        )
    }
    return [
        last.get(letter.pk, Attributes())
        .unpacked(FAILURE)
        .unpacked(REDRIVE)
        .packed(REDRIVE, _mark(letter))
        for letter in letters
    ]


def _mark(letter: DeadLetter) -> dict[str, object]:
    return {
        "dead_letter": letter.pk,
        "redrive_id": str(letter.redrive_id),
        "count": letter.redrives + 1,
    }
