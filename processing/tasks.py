"""What Celery runs: one task for every bundle of events, and the jobs of this app."""

from celery import shared_task
from django.conf import settings

from processing import services, spool
from processing.bundles import Bundle, NotBegunError
from processing.celery_messages import HANDLE, Job
from processing.connections import keep_only_good_connections
from processing.queues import Message

MOST_RELAYING = 60  # seconds


@shared_task(name=HANDLE, throws=(services.RetryLaterError, NotBegunError))
def handle(bundle: Bundle) -> None:
    """Process its events. A body is opaque until `services` parses it under its own limits."""
    bundle.work_through(_handle_one)


def _handle_one(message: Message) -> None:
    keep_only_good_connections()  # the one before may have met a broken one
    services.handle(message)


@shared_task(base=Job, name="processing.relay")
def relay() -> int:
    """As long as beat leaves it until the next, and no job waits long behind it."""
    return spool.relay(seconds=min(MOST_RELAYING, settings.SPOOL_RELAY_SECONDS))
