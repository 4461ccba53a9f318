"""The periodic jobs of beat, and a redrive by hand. Each may safely run twice at once."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from dlq_review import archive
from dlq_review.alerts import outbox
from dlq_review.groups import counter_drift, merge
from dlq_review.letters import customers, outcome_mail, retention, settlement
from dlq_review.monitoring import early_warnings, health, report
from dlq_review.operations import runner
from dlq_review.pull import puller, refused_by_sqs
from dlq_review.redrive import sender, undo_window
from dlq_review.retention import periods, rows
from dlq_review.schedule import runs
from processing.events.envelope import new_id
from processing.sqs import publisher
from processing.sqs.refusals import SendError
from processing.worker.task_messages import Job

logger = logging.getLogger(__name__)

OPERATE = "dlq_review.operate"
PURGE_SECONDS = 20  # texts and rows get half of it each
ARCHIVE_SECONDS = 10  # of one job, as below
NOTE_SECONDS = 2  # of the job that settles
TELL_SECONDS = 15  # of one job; a message on its way may last longer
OPERATE_SECONDS = 10  # of one job; the next begins where it ended
PROBE_SECONDS = 20  # of the same job, after which it asks no further probe
PULL_SHARE = 0.8  # of the time to the next pull, so that two do not run side by side


@shared_task(base=Job, name="dlq_review.pull")
def pull() -> int:
    every = float(settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"])
    stored = puller.pull(seconds=PULL_SHARE * every).stored + refused_by_sqs.adopt()
    health.sign("pull")
    health.check_queues()
    report.refresh()
    early_warnings.look_ahead()
    report.tell_cloudwatch()
    return stored


@shared_task(base=Job, name="dlq_review.tell")
def tell() -> int:
    return outbox.deliver(seconds=TELL_SECONDS)


@shared_task(base=Job, name=OPERATE)
def operate() -> int:
    ran = runner.run_all(seconds=OPERATE_SECONDS)
    if ran.unfinished:
        _ask_to_go_on()
    return ran.operations + len(runs.begin_due(seconds=PROBE_SECONDS))


def _ask_to_go_on() -> None:
    """Until beat looks, the operations would rest for seconds and miss their rate."""
    try:
        publisher.send_job(OPERATE, new_id(), {})
    except SendError as refused:
        logger.warning("job=%s not_sent=%s; beat will do it", OPERATE, refused)


@shared_task(base=Job, name="dlq_review.archive")
def archive_arrivals() -> int:
    return archive.run(seconds=ARCHIVE_SECONDS)


@shared_task(base=Job, name="dlq_review.purge")
def purge() -> int:
    length = periods.TEXTS.length()
    before = timezone.now() - length if length else None
    texts = retention.purge(before, seconds=PURGE_SECONDS / 2) if before else 0
    deleted = rows.purge(seconds=PURGE_SECONDS / 2)
    for table, number in deleted.items():
        logger.info("table=%s purged=%s", table, number)
    return texts + deleted.total()


@shared_task(base=Job, name="dlq_review.recount")
def recount() -> int:
    mended = counter_drift.mend()
    for drift in mended:
        logger.error("drift=%r mended=1", str(drift))
    return len(mended)


@shared_task(base=Job, name=undo_window.SEND_DUE)
def send_due() -> int:
    return undo_window.send_due()


@shared_task(base=Job, name="dlq_review.settle")
def settle() -> int:
    settled = undo_window.send_due() + sender.resend_claimed() + settlement.reconcile()
    outcome_mail.send()
    merge.gather()
    customers.note(seconds=NOTE_SECONDS)
    health.sign("settle")
    return settled
