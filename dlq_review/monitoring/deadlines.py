"""The deadlines that the overview, the lists behind its figures, and dlq_stats share."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from dlq_review.models import DeadLetter


def overdue() -> Q:
    """Letters that were redriven and have had no outcome for too long."""
    late = DeadLetter.overdue_since()
    return Q(state=DeadLetter.State.REDRIVEN, redriven_at__lt=late)


def near_limit(within: timedelta = timedelta(days=1)) -> Q:
    """Letters whose message SQS drops *within* this time, or would have dropped already."""
    return Q(expires_at__lt=timezone.now() + within)
