"""What Celery runs: one task for every bundle of events, and the jobs of this app."""

from celery import shared_task

from processing import services, spool
from processing.bundles import Bundle, NotBegunError
from processing.celery_messages import HANDLE, Job


@shared_task(name=HANDLE, throws=(services.RetryLaterError, NotBegunError))
def handle(bundle: Bundle) -> None:
    """Process its events. A body is opaque until `services` parses it under its own limits."""
    bundle.work_through(services.handle)


@shared_task(base=Job, name="processing.relay")
def relay() -> int:
    return spool.relay()
