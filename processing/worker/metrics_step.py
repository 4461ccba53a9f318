"""What the parent of a worker does for the metrics, once a minute and when asked.

Each process of the pool counts into a row of its own; the parent adds the rows up.
"""

import logging
import threading
from datetime import UTC, datetime
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.db import connection

from processing.database.patience import within
from processing.metrics import emf
from processing.metrics.declared import NEWEST
from processing.models import QueueProgress
from processing.worker import metrics_port

logger = logging.getLogger(__name__)

MINUTE = 60  # seconds
PATIENCE = 5  # seconds that the database may take


class Metrics(bootsteps.StartStopStep):
    """Starts with the worker, behind its pool, and ends with it."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **_: Any) -> None:
        self._done = threading.Event()
        self._minute = Minute()

    def start(self, worker: Any) -> None:
        if settings.METRICS_PORT:
            metrics_port.serve()
        threading.Thread(target=self._run, name="metrics-minute", daemon=True).start()

    def stop(self, worker: Any) -> None:
        self._done.set()
        self._minute.end()
        metrics_port.close()

    terminate = stop

    def _run(self) -> None:
        while not self._done.wait(MINUTE):
            self._minute.end()


class Minute:
    """Tells CloudWatch and the database what happened since the last minute ended."""

    def __init__(self) -> None:
        self._told = emf.Minutes()
        self._noted: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def end(self) -> None:
        """Never raises."""
        with self._lock:
            try:
                if settings.METRICS_EMF:
                    emf.tell(self._told.lines())
                self._note_progress()
            except Exception as error:  # of any kind: the next minute tries again
                logger.warning("minute_not_told=%s", type(error).__name__)

    def _note_progress(self) -> None:
        """Leaves no connection behind, because this process forks those of the pool."""
        newest = NEWEST.totals()
        moved = {key: ms for key, ms in newest.items() if ms > self._noted.get(key, 0)}
        if not moved:
            return
        try:
            with within(PATIENCE):
                for (queue,), ms in moved.items():
                    QueueProgress.note(queue, datetime.fromtimestamp(ms / 1000, UTC))
        finally:
            connection.close()
        self._noted = newest
