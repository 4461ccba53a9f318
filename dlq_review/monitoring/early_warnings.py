"""Raise an alert before something is lost or out of hand, and end it when all is well.

SQS counts a message's retention from its first send, even on the DLQ of a standard queue.
So a message that failed slowly has less time left than the DLQ's own retention suggests.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import GROWTH, LOSS, NEAR_LIMIT, NEW_FAILURE, REGRESSION
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.monitoring import machinery_alerts
from dlq_review.monitoring.failure_rates import failures_by_queue
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES, SOURCE_OF

_UNUSUAL = 3  # times the hourly mean of the day before
_MOST = 500  # groups looked at in one query


def near() -> timedelta:
    return timedelta(hours=settings.ALERT_NEAR_LIMIT_HOURS)


def warn_of_loss(messages: Iterable[Message]) -> None:
    """Alert if SQS will soon drop a message of a DLQ: the puller is late or stuck.

    Once for each DLQ: late pulls are large, and each message says the same.
    """
    newest_first = sorted(messages, key=lambda one: one.sent_at, reverse=True)
    for message in {one.queue: one for one in newest_first}.values():
        retention = QUEUES[SOURCE_OF[message.queue]].dlq_retention
        left = message.sent_at + timedelta(seconds=retention) - timezone.now()
        if left < near():
            hours = max(0, int(left.total_seconds() // 3600))
            raising.begin(
                LOSS,
                message.queue,
                f"{message.queue} held a message that SQS drops in {hours} h. Pull it "
                "more often, and see the log for what cannot be stored.",
            )


def look_ahead() -> None:
    """Look at all that alerts are about; raise them, end them, remind of them."""
    raising.keep(NEAR_LIMIT, _near_expiry())
    raising.keep(GROWTH, _growth())
    _end_resolved_groups()
    machinery_alerts.look()
    raising.lapse()
    raising.remind()


def _near_expiry() -> dict[str, raising.Said]:
    now = timezone.now()
    soon = DeadLetter.objects.filter(
        state__in=DeadLetter.WAITING, expires_at__range=(now, now + near())
    )
    return {
        queue: (
            f"{number} dead letters of {queue} have waited nearly as long as SQS would "
            "have kept them. They are kept here; their senders still wait.",
            f"/admin/dlq_review/deadletter/?state=soon&queue={queue}",
        )
        for queue, number in soon.values_list("queue")
        .annotate(n=Count("pk"))
        .order_by()
    }


def _growth() -> dict[str, raising.Said]:
    found = {}
    for queue, hours in failures_by_queue(25, timedelta(hours=1)).queues.items():
        *before, last, running = hours
        number, mean = max(last, running), sum(before) / len(before)
        if number >= settings.ALERT_GROWTH and number > _UNUSUAL * mean:
            found[queue] = (
                f"{number} failures on {queue} within an hour; {mean:.1f} is usual.",
                f"/admin/dlq_review/deadletter/?state=all&queue={queue}&since=3h",
            )
    return found


def _end_resolved_groups() -> None:
    """End the alerts about groups that are resolved, merged into another, or purged."""
    for kind in (NEW_FAILURE, REGRESSION):
        names = raising.lasting(kind).order_by("at").values_list("name", flat=True)
        numbers = [name.rpartition("/")[2] for name in names[:_MOST]]
        open_ones = FailureGroup.objects.filter(pk__in=numbers, merged_into=None)
        still = open_ones.exclude(state=FailureGroup.State.RESOLVED)
        waiting = {str(pk) for pk in still.values_list("pk", flat=True)}
        if over := [one for one in numbers if one not in waiting]:
            raising.end(kind, over)
