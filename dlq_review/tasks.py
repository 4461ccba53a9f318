"""What beat asks for. Both may run twice at once without harm."""

from celery import shared_task

from dlq_review import operating, pulling, redriving, settling, watching
from processing.transport import Job

OPERATE_SECONDS = 10  # of one job; the next begins where it ended


@shared_task(base=Job, name="dlq_review.pull")
def pull() -> int:
    stored = pulling.pull().stored
    watching.sign("pull")
    watching.check_queues()
    return stored


@shared_task(base=Job, name="dlq_review.operate")
def operate() -> int:
    return operating.run_all(seconds=OPERATE_SECONDS)


@shared_task(base=Job, name="dlq_review.settle")
def settle() -> int:
    settled = redriving.resend_claimed() + settling.reconcile()
    watching.sign("settle")
    return settled
