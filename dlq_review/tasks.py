"""What beat asks for. Both may run twice at once without harm."""

from celery import shared_task

from dlq_review import pulling, redriving, settling
from processing.transport import Job


@shared_task(base=Job, name="dlq_review.pull")
def pull() -> int:
    return pulling.pull().stored


@shared_task(base=Job, name="dlq_review.settle")
def settle() -> int:
    return redriving.resend_claimed() + settling.reconcile()
