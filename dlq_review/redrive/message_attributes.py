"""The message attributes of a redrive: our mark, beside those of the producer.

A redrive begins a trace of its own, and its mark names the trace in which the event failed:
months may lie between the two.
"""

from collections.abc import Sequence

from dlq_review.models import Arrival, DeadLetter
from processing.events.attributes import FAILURE, REDRIVE, Attributes
from processing.tracing.context import TRACEPARENT, TRACESTATE, Trace


def brought(letters: Sequence[DeadLetter]) -> list[Attributes]:
    """For each of *letters*: what its producer sent beside it, as its last arrival has it."""
    came = Arrival.objects.filter(letter__in=letters).order_by("pulled_at", "id")
    last = {
        letter: Attributes(texts, types)
        for letter, texts, types in came.values_list(
            "letter", "attributes", "attribute_types"
        )
    }
    return [
        last.get(letter.pk, Attributes()).unpacked(FAILURE).unpacked(REDRIVE)
        for letter in letters
    ]


def marked(
    letter: DeadLetter, beside: Attributes, trace: Trace | None = None
) -> Attributes:
    """*beside* with the redrive of *letter*, which belongs to *trace*."""
    mark = _mark(letter)
    if failed := Trace.beside(beside.texts):
        mark[TRACEPARENT] = failed.traceparent
    if trace:
        beside = beside.without(TRACESTATE) | Attributes(trace.attributes)
    return beside.packed(REDRIVE, mark)


def _mark(letter: DeadLetter) -> dict[str, object]:
    return {
        "dead_letter": letter.pk,
        "redrive_id": str(letter.redrive_id),
        "count": letter.redrives + 1,
    }
