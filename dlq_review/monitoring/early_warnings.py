"""Raise an alert before something is lost or out of hand, not after.

SQS counts a message's retention from its first send, even on the DLQ of a standard queue.
So a message that failed slowly has less time left than the DLQ's own retention suggests.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from dlq_review.alerts import alert_once
from dlq_review.models import DeadLetter
from dlq_review.monitoring.failure_rates import failures_by_queue
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES, SOURCE_OF

NEAR = timedelta(days=1)
_UNUSUAL = 3  # times the hourly mean of the day before


def warn_of_loss(messages: Iterable[Message]) -> None:
    """Alert if SQS will drop a message of a DLQ within NEAR: the puller is late or stuck."""
    for message in messages:
        retention = QUEUES[SOURCE_OF[message.queue]].dlq_retention
        left = message.sent_at + timedelta(seconds=retention) - timezone.now()
        if left < NEAR:
            hours = max(0, int(left.total_seconds() // 3600))
            alert_once(
                f"loss/{message.queue}",
                timedelta(hours=1),
                f"{message.queue} held a message that SQS drops in {hours} h. Pull it "
                "more often, and see the log for what cannot be stored.",
            )


def look_ahead() -> None:
    """Alert to dead letters near their SQS limit, and to an unusual number of failures."""
    _near_expiry()
    _growth()


def _near_expiry() -> None:
    now = timezone.now()
    near = DeadLetter.objects.filter(
        state__in=DeadLetter.WAITING, expires_at__range=(now, now + NEAR)
    )
    for queue, number in near.values_list("queue").annotate(n=Count("pk")).order_by():
        alert_once(
            f"near_expiry/{queue}",
            NEAR,
            f"{number} dead letters of {queue} have waited nearly as long as SQS would "
            "have kept them. They are kept here; their senders still wait.",
            f"/admin/dlq_review/deadletter/?state=soon&queue={queue}",
        )


def _growth() -> None:
    for queue, hours in failures_by_queue(25, timedelta(hours=1)).queues.items():
        *before, last, running = hours
        number, mean = max(last, running), sum(before) / len(before)
        if number >= settings.ALERT_GROWTH and number > _UNUSUAL * mean:
            alert_once(
                f"growth/{queue}",
                timedelta(hours=1),
                f"{number} failures on {queue} within an hour; {mean:.1f} is usual.",
                f"/admin/dlq_review/deadletter/?state=all&queue={queue}&since=3h",
            )
