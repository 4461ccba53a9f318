"""What beat asks for, and a redrive by hand. Each may run twice at once without harm."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from dlq_review import (
    adopting,
    alerts,
    forewarning,
    holding,
    merging,
    operating,
    pulling,
    purging,
    recounting,
    redriving,
    settling,
    watching,
)
from processing.celery_messages import Job

logger = logging.getLogger(__name__)

PURGE_SECONDS = 60
OPERATE_SECONDS = 10  # of one job; the next begins where it ended
PULL_SHARE = 0.8  # of the time to the next pull, so that two do not run side by side


@shared_task(base=Job, name="dlq_review.pull")
def pull() -> int:
    every = float(settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"])
    stored = pulling.pull(seconds=PULL_SHARE * every).stored + adopting.adopt()
    watching.sign("pull")
    watching.check_queues()
    forewarning.look_ahead()
    return stored


@shared_task(base=Job, name="dlq_review.tell")
def tell() -> int:
    return alerts.tell()


@shared_task(base=Job, name="dlq_review.operate")
def operate() -> int:
    return operating.run_all(seconds=OPERATE_SECONDS)


@shared_task(base=Job, name="dlq_review.purge")
def purge() -> int:
    if not settings.RETENTION_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.RETENTION_DAYS)
    return purging.purge(before, seconds=PURGE_SECONDS)


@shared_task(base=Job, name="dlq_review.recount")
def recount() -> int:
    mended = recounting.mend()
    for drift in mended:
        logger.error("drift=%r mended=1", str(drift))
    return len(mended)


@shared_task(base=Job, name=holding.SEND_DUE)
def send_due() -> int:
    return holding.send_due()


@shared_task(base=Job, name="dlq_review.settle")
def settle() -> int:
    settled = holding.send_due() + redriving.resend_claimed() + settling.reconcile()
    merging.gather()
    watching.sign("settle")
    return settled
