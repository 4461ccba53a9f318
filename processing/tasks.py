"""What Celery runs: one task for every event, and the jobs of this app."""

from typing import Any

from celery import shared_task

from processing import services, spool
from processing.transport import HANDLE, Job, message_of


@shared_task(bind=True, name=HANDLE, throws=(services.RetryLaterError,))
def handle(self: Any, body: str) -> None:
    """Process one event. *body* is opaque until `services` parses it under its own limits."""
    services.handle(message_of(self.request, body))


@shared_task(base=Job, name="processing.relay")
def relay() -> int:
    return spool.relay()
