"""The gauges of the desk and of the spool."""

from datetime import datetime

from django.db.models import Count, Min, Sum
from django.utils import timezone

from dlq_review.alerts import outbox
from dlq_review.models import Arrival, DeadLetter, FailureGroup, Operation
from dlq_review.monitoring import books, deadlines
from dlq_review.monitoring.gauges import LETTER_STATES, OPERATION_STATES, SETTLED
from dlq_review.monitoring.measured import Figures
from processing.sqs.topology import QUEUES

_MOST_COUNTED = 10_000
_GOING = (DeadLetter.State.CLAIMED, DeadLetter.State.REDRIVEN)


def add_letters(figures: Figures) -> bool:
    """Whether dead letters are on their way back."""
    unsettled = DeadLetter.objects.filter(state__in=LETTER_STATES).order_by()
    rows = unsettled.values_list("queue", "state").annotate(number=Count("pk"))
    counts = {(queue, state): number for queue, state, number in rows}
    settled = _settled()
    for queue in QUEUES:
        for state in LETTER_STATES:
            number = counts.get((queue, state), 0)
            figures.add("holdfast_dead_letters", number, queue, state)
        figures.add("holdfast_dead_letters", settled.get(queue, 0), queue, SETTLED)
    overdue = unsettled.filter(deadlines.overdue()).count()
    figures.add("holdfast_redriven_overdue", overdue)
    figures.add("holdfast_alerts_waiting", outbox.waiting().count())
    return any(state in _GOING for _, state in counts)


def _settled() -> dict[str, int]:
    """From the counters of the groups: there may be a million such letters."""
    groups = FailureGroup.objects.order_by().values_list("queue")
    return dict(groups.annotate(number=Sum("settled")))


def add_ages(figures: Figures) -> None:
    """How long dead letters have waited, by queue."""
    now = timezone.now()
    waiting = DeadLetter.objects.filter(state__in=DeadLetter.WAITING).order_by()
    rows = waiting.values_list("queue").annotate(
        first=Min("first_failed_at"), near=Count("pk", deadlines.near_limit())
    )
    found: dict[str, tuple[datetime, int]] = {
        queue: (first, near) for queue, first, near in rows
    }
    for queue in QUEUES:
        first, near = found.get(queue, (now, 0))
        age = max(0.0, (now - first).total_seconds())
        figures.add("holdfast_dead_letters_oldest_seconds", age, queue)
        figures.add("holdfast_dead_letters_near_limit", near, queue)


def add_spool(figures: Figures) -> bool:
    """Whether events wait in the spool."""
    spool = books.spool()
    age = (timezone.now() - spool.oldest).total_seconds() if spool.oldest else 0.0
    figures.add("holdfast_spool_events", spool.waiting)
    figures.add("holdfast_spool_refused", spool.refused_for_good)
    figures.add("holdfast_spool_oldest_seconds", age)
    return spool.waiting > 0


def add_archive(figures: Figures) -> bool:
    """Whether a message waits for the archive."""
    waiting = Arrival.unarchived().order_by()[:_MOST_COUNTED].count()
    figures.add("holdfast_archive_waiting", waiting)
    return waiting > 0


def add_operations(figures: Figures) -> bool:
    """Whether an operation runs."""
    open_ones = Operation.objects.filter(state__in=OPERATION_STATES).order_by()
    counts = dict(open_ones.values_list("state").annotate(number=Count("pk")))
    for state in OPERATION_STATES:
        figures.add("holdfast_operations", counts.get(state, 0), state)
    return Operation.State.RUNNING in counts


def waiting_letters() -> int:
    """The dead letters that wait for staff, from the counters of the groups."""
    return FailureGroup.objects.aggregate(number=Sum("waiting"))["number"] or 0
