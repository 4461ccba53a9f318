"""The Celery tasks: one for bundles of events, and the jobs of this app."""

from celery import shared_task
from django.conf import settings

from processing.delivery import processor, sets, spool
from processing.sqs.message import Message
from processing.worker.bundles import Bundle, NotBegunError
from processing.worker.database_connections import keep_only_good_connections
from processing.worker.task_messages import HANDLE, Job

MOST_RELAYING = 60  # seconds


@shared_task(name=HANDLE, throws=(processor.RetryLaterError, NotBegunError))
def handle(bundle: Bundle) -> None:
    """Process the events of a bundle: in sets where that goes, else one by one.

    `processor` and `sets` parse each body, under its own limits.
    """
    bundle.work_through(_handle_one, sets.process)


def _handle_one(message: Message) -> None:
    keep_only_good_connections()  # the event before may have left a broken connection
    processor.handle(message)


@shared_task(base=Job, name="processing.relay")
def relay() -> int:
    """Runs almost until beat's next relay, so that no job waits long behind it."""
    return spool.relay(seconds=min(MOST_RELAYING, settings.SPOOL_RELAY_SECONDS))
