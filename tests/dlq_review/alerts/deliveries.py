"""Delivering alerts, and waiting until they may be tried again."""

from django.utils import timezone

from dlq_review.alerts import outbox
from dlq_review.models import AlertDelivery, LifeSign


def deliver() -> int:
    return outbox.deliver(seconds=5)


def states(**of: str) -> list[str]:
    found = AlertDelivery.objects.filter(**of).order_by("pk")
    return list(found.values_list("state", flat=True))


def wait_no_more() -> None:
    """As if the pause of every delivery were over."""
    AlertDelivery.objects.update(next_try_at=timezone.now())
    LifeSign.objects.update(rests_until=None)
