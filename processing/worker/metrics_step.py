"""What the parent of a worker does for the metrics, once a minute and when asked.

Each process of the pool counts into a row of its own; the parent adds the rows up.
"""

import logging
import os
import threading
from datetime import UTC, datetime
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from processing.database.patience import within
from processing.metrics import emf, history
from processing.metrics.declared import NEWEST
from processing.models import QueueProgress, WorkerSign
from processing.worker import metrics_port

logger = logging.getLogger(__name__)

MINUTE = 60  # seconds
PATIENCE = 5  # seconds that the database may take


class Metrics(bootsteps.StartStopStep):
    """Starts with the worker, behind its pool, and ends with it."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **_: Any) -> None:
        self._done = threading.Event()
        self._minute = Minute(_name())

    def start(self, worker: Any) -> None:
        if settings.METRICS_PORT:
            metrics_port.serve()
        self._minute.queues = sorted(worker.app.amqp.queues.consume_from)
        threading.Thread(target=self._run, name="metrics-minute", daemon=True).start()

    def stop(self, worker: Any) -> None:
        self._done.set()
        self._minute.end(last=True)
        metrics_port.close()

    terminate = stop

    def _run(self) -> None:
        self._minute.end()  # a worker is seen as soon as it begins
        while not self._done.wait(MINUTE):
            self._minute.end()


def _name() -> str:
    """A machine may have several workers, and each start is another one."""
    return f"{settings.WORKER_NAME[:200]}/{os.getpid()}"


class Minute:
    """Tells CloudWatch and the database what happened since the last minute ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.queues: list[str] = []
        self._told = emf.Minutes()
        self._unstored = history.Unstored()
        self._noted: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def end(self, *, last: bool = False) -> None:
        """Never raises."""
        with self._lock:
            try:
                if settings.METRICS_EMF:
                    emf.tell(self._told.lines())
                self._note(last)
            except Exception as error:  # of any kind: the next minute tries again
                logger.warning("minute_not_told=%s", type(error).__name__)

    def _note(self, last: bool) -> None:
        """Leaves no connection behind, because this process forks those of the pool."""
        try:
            with within(PATIENCE):
                WorkerSign.note(self.name, self.queues, ended=last)
                self._unstored.store(timezone.now())
                self._note_progress()
        finally:
            connection.close()

    def _note_progress(self) -> None:
        newest = NEWEST.totals()
        for key, ms in newest.items():
            if ms > self._noted.get(key, 0):
                QueueProgress.note(key[0], datetime.fromtimestamp(ms / 1000, UTC))
        self._noted = newest
