"""What presses: asked by the overview, the lists that it leads to, and dlq_stats alike."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from dlq_review.models import DeadLetter


def overdue() -> Q:
    """Redriven, and without an outcome for too long."""
    late = timezone.now() - timedelta(seconds=settings.REDRIVE_OVERDUE_SECONDS)
    return Q(state=DeadLetter.State.REDRIVEN, redriven_at__lt=late)


def near_limit(within: timedelta = timedelta(days=1)) -> Q:
    """SQS would drop it *within* so long, or would have."""
    return Q(expires_at__lt=timezone.now() + within)
