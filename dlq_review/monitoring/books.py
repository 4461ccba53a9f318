"""The books: where each known request is, and the discrepancies.

A request that was accepted is on a queue, in the spool, in a DLQ, a dead letter, or it has
an outcome. A request that waits in one of these is fine. A request that left one and did
not reach the next in time is a discrepancy, and so is one that only a person can move.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, QuerySet
from django.utils import timezone

from dlq_review.groups import counter_drift
from dlq_review.models import DeadLetter
from dlq_review.monitoring import deadlines
from dlq_review.redrive.sender import CLAIM_LASTS
from processing.models import Attempt, Outcome, SpooledEvent
from processing.sqs import queues

S = DeadLetter.State
#: A claim is sent again after CLAIM_LASTS; a much older one shows that no job does it.
CLAIMED_TOO_LONG = 5 * CLAIM_LASTS
#: The relay tries a row at least every 300 s.
SPOOLED_TOO_LONG = timedelta(minutes=15)
#: The sentence of each discrepancy, by its name in the metrics.
DISCREPANCIES = {
    "overdue": "redriven, and without an outcome for too long",
    "claimed": "claimed for a redrive, and not sent for too long",
    "spooled": "spooled for too long",
    "refused": "spooled, and refused by SQS for good",
    "unheard_of": "failed, and not heard of for too long",
    "no_tombstone": "discarded without a tombstone, so that a copy would take effect",
}


@dataclass(frozen=True, slots=True)
class Spool:
    waiting: int
    refused_for_good: int
    oldest: datetime | None
    """When the oldest waiting event was accepted."""


@dataclass(frozen=True, slots=True)
class Books:
    at: datetime
    depths: dict[str, queues.Depth] | None
    """The depths of each queue and its DLQ, by name; None if SQS does not answer."""
    spool: Spool
    outcomes: dict[str, int]
    dead_letters: dict[str, int]
    discrepancies: dict[str, int]
    """How many requests are unaccounted for or overdue, by the sentence that says so."""
    drifts: list[str]
    """The failure groups whose counters differ from their letters."""

    @property
    def balanced(self) -> bool:
        return not self.discrepancies


def close() -> Books:
    """Add everything up, as it is now. Reads only."""
    now = timezone.now()
    depths = _depths()
    drifts = [str(drift) for drift in counter_drift.drifts()]
    found = {
        DISCREPANCIES[key]: number for key, number in _discrepancies(now) if number
    }
    if drifts:
        found["failure groups that count something else than their letters"] = len(
            drifts
        )
    if depths is None:
        found["SQS does not answer, so its queues are not counted"] = 1
    elif depths.refused:
        named = ", ".join(f"{name}: {code}" for name, code in depths.refused.items())
        found[f"queues that SQS refuses to count ({named})"] = len(depths.refused)
    return Books(
        at=now,
        depths=depths.known if depths else None,
        spool=spool(),
        outcomes=_by(Outcome.objects.all(), "kind", Outcome.Kind.values),
        dead_letters=_by(DeadLetter.objects.all(), "state", S.values),
        discrepancies=found,
        drifts=drifts,
    )


def _depths() -> queues.Depths | None:
    try:
        return queues.depths()
    except queues.SQS_ERRORS:
        return None


def spool() -> Spool:
    waiting = SpooledEvent.objects.filter(refused_for_good=False)
    return Spool(
        waiting=waiting.count(),
        refused_for_good=SpooledEvent.objects.filter(refused_for_good=True).count(),
        oldest=waiting.aggregate(oldest=Min("created_at"))["oldest"],
    )


def _by(rows: QuerySet, field: str, values: list[str]) -> dict[str, int]:
    counted = rows.order_by().values_list(field).annotate(number=Count("pk"))
    return dict.fromkeys(values, 0) | dict(counted)


def unaccounted() -> dict[str, int]:
    """The number of requests for each reason of DISCREPANCIES, as it is now."""
    return dict(_discrepancies(timezone.now()))


def _discrepancies(now: datetime) -> Iterator[tuple[str, int]]:
    letters = DeadLetter.objects
    claimed = letters.filter(state=S.CLAIMED, claimed_at__lt=now - CLAIMED_TOO_LONG)
    waiting = SpooledEvent.objects.filter(refused_for_good=False)
    unheard_of = _unheard_of(DeadLetter.overdue_since()).values("request_id")
    discarded = letters.filter(state=S.DISCARDED)
    yield "overdue", letters.filter(deadlines.overdue()).count()
    yield "claimed", claimed.count()
    yield "spooled", waiting.filter(created_at__lt=now - SPOOLED_TOO_LONG).count()
    yield "refused", SpooledEvent.objects.filter(refused_for_good=True).count()
    yield "unheard_of", unheard_of.distinct().count()
    yield "no_tombstone", _same_request(discarded, Outcome).count()


def _unheard_of(since: datetime) -> QuerySet[Attempt]:
    """Failed attempts of requests without an outcome, a later attempt or a dead letter."""
    later = Attempt.objects.filter(
        request_id=OuterRef("request_id"), started_at__gte=since
    )
    quiet = Attempt.objects.filter(~Exists(later), started_at__lt=since)
    return _same_request(_same_request(quiet, Outcome), DeadLetter).order_by()


def _same_request(rows: QuerySet, model: type) -> QuerySet:
    """The filter for *rows* whose request has no row in *model*."""
    return rows.filter(
        ~Exists(model.objects.filter(request_id=OuterRef("request_id")))  # type: ignore[attr-defined]
    )
