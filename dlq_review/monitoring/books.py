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
    found = {sentence: number for sentence, number in _discrepancies(now) if number > 0}
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
        spool=_spool(),
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


def _spool() -> Spool:
    waiting = SpooledEvent.objects.filter(refused_for_good=False)
    return Spool(
        waiting=waiting.count(),
        refused_for_good=SpooledEvent.objects.filter(refused_for_good=True).count(),
        oldest=waiting.aggregate(oldest=Min("created_at"))["oldest"],
    )


def _by(rows: QuerySet, field: str, values: list[str]) -> dict[str, int]:
    counted = rows.order_by().values_list(field).annotate(number=Count("pk"))
    return dict.fromkeys(values, 0) | dict(counted)


def _discrepancies(now: datetime) -> Iterator[tuple[str, int]]:
    yield (
        "redriven, and without an outcome for too long",
        DeadLetter.objects.filter(deadlines.overdue()).count(),
    )
    yield (
        "claimed for a redrive, and not sent for too long",
        DeadLetter.objects.filter(
            state=S.CLAIMED, claimed_at__lt=now - CLAIMED_TOO_LONG
        ).count(),
    )
    yield (
        "spooled for too long",
        SpooledEvent.objects.filter(
            refused_for_good=False, created_at__lt=now - SPOOLED_TOO_LONG
        ).count(),
    )
    yield (
        "spooled, and refused by SQS for good",
        SpooledEvent.objects.filter(refused_for_good=True).count(),
    )
    yield (
        "failed, and not heard of for too long",
        _unheard_of(DeadLetter.overdue_since()).values("request_id").distinct().count(),
    )
    yield (
        "discarded without a tombstone, so that a copy would take effect",
        _same_request(DeadLetter.objects.filter(state=S.DISCARDED), Outcome).count(),
    )


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
