"""The message attributes of a redrive: our mark, beside those of the producer.

A redrive begins a trace of its own, and its mark names the trace in which the event failed:
months may lie between the two.
"""

from collections.abc import Sequence

from dlq_review.models import Arrival, DeadLetter
from processing.events.attributes import FAILURE, REDRIVE, Attributes
from processing.tracing.context import TRACEPARENT, TRACESTATE, Trace


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
        _marked(
            letter,
            last.get(letter.pk, Attributes()).unpacked(FAILURE).unpacked(REDRIVE),
        )
        for letter in letters
    ]


def _marked(letter: DeadLetter, beside: Attributes) -> Attributes:
    failed = Trace.beside(beside.texts)
    if failed is None:
        return beside.packed(REDRIVE, _mark(letter))
    own = beside.without(TRACESTATE) | Attributes(failed.another().attributes)
    return own.packed(REDRIVE, _mark(letter) | {TRACEPARENT: failed.traceparent})


def _mark(letter: DeadLetter) -> dict[str, object]:
    return {
        "dead_letter": letter.pk,
        "redrive_id": str(letter.redrive_id),
        "count": letter.redrives + 1,
    }
