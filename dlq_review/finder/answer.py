"""Where a request is now, in one line, as a person on the phone can say it."""

from collections.abc import Iterator
from dataclasses import dataclass

from dlq_review.finder.rows import Rows
from dlq_review.models import DeadLetter
from processing.models import Outcome
from processing.receipts import Receipt, State, Status

_RECEIPT = {
    State.RECEIVED: "Received",
    State.PROCESSING: "Processing",
    State.DONE: "Done",
    State.UNDER_REVIEW: "We are looking at this",
    State.NOT_ACCEPTED: "Not accepted",
    State.STALE: "Nothing changed",
}
_OUTCOME = {
    Outcome.Kind.PROCESSED: "Done",
    Outcome.Kind.DISCARDED: "Discarded by staff",
    Outcome.Kind.REFUSED: "Refused; the receipt of its sender says what to correct",
}
_LETTER = {
    DeadLetter.State.OPEN: "Dead letter, open",
    DeadLetter.State.QUARANTINED: "Dead letter, quarantined",
    DeadLetter.State.CLAIMED: "Dead letter, being sent again",
    DeadLetter.State.REDRIVEN: "Dead letter, redriven; its outcome is awaited",
}
ON_ITS_WAY = (
    "On its way: the receipt is genuine, and no worker has finished with it yet"
)
UNKNOWN = (
    "Nothing is recorded under this request id. It waits in its queue, or it was never "
    "accepted, or its rows were removed after their retention"
)


@dataclass(frozen=True, slots=True)
class Answer:
    line: str
    receipt: str = ""
    """The heading of its sender's receipt; empty if nothing is known of the request."""


def answer(rows: Rows, *, genuine: bool) -> Answer:
    """*genuine* says that a receipt proves that the request was accepted."""
    if not rows.all:
        return Answer(f"{ON_ITS_WAY}." if genuine else f"{UNKNOWN}.")
    status = Receipt(rows.request_id, "").status()
    return Answer(f"{'. '.join(_parts(rows, status))}.", _RECEIPT[status.state])


def _parts(rows: Rows, status: Status) -> Iterator[str]:
    if rows.outcome is not None:
        made = status.made.get("order", "")
        yield _OUTCOME[Outcome.Kind(rows.outcome.kind)] + (f": {made}" if made else "")
    told = [one for one in rows.letters if one.state in _LETTER or not rows.outcome]
    for letter in told:
        yield _of_letter(letter)
    if rows.outcome is None and not told:
        yield _on_the_way(rows, status)


def _of_letter(letter: DeadLetter) -> str:
    if letter.state in DeadLetter.SETTLED:
        return f"Dead letter, {letter.state}, and its outcome was removed since"
    owner = letter.group.owner
    taken = f"taken by {owner}" if owner else "taken by nobody yet"
    return f"{_LETTER[DeadLetter.State(letter.state)]}, on {letter.queue}, {taken}"


def _on_the_way(rows: Rows, status: Status) -> str:
    if rows.spooled is not None:
        why = rows.spooled.refusal or "not tried yet"
        again = "" if rows.spooled.refused_for_good else "; it is sent again by itself"
        return f"In the spool, because SQS has not taken it ({why}){again}"
    if not rows.attempts:
        return "Carried out; its outcome was removed after its retention"
    latest = rows.attempts[0]
    if status.state == State.UNDER_REVIEW:
        return f"Failed for good on {latest.queue}; it waits in the DLQ to be pulled"
    times = "once" if len(rows.attempts) == 1 else f"{len(rows.attempts)} times"
    return f"Failed {times} on {latest.queue}; SQS delivers it again"
