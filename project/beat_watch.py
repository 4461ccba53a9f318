"""Beat looks whether the jobs run, because a job could not tell that none does.

Then it also sends alerts itself, in a thread, so that a receiver that hangs delays no job.
Only the role of the jobs may publish to SNS: that channel waits for them.
"""

import logging
from threading import Thread
from time import monotonic

from django.db import Error, close_old_connections, connections

from dlq_review.alerts import outbox
from dlq_review.monitoring import machinery_alerts
from processing.database.patience import within

logger = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two looks
PATIENCE = 1  # second that a look may take
SEND_SECONDS = 15.0
NOT_OURS = ("sns",)


class JobsWatch:
    def __init__(self) -> None:
        self._began = self._looked_at = monotonic()
        self._sender: Thread | None = None

    def look(self) -> None:
        """Raise an alert if no pull came for too long, and send what waits then."""
        now = monotonic()
        if now - self._looked_at < EVERY or not self._may_know(now):
            return
        self._looked_at = now
        try:
            close_old_connections()
            with within(PATIENCE):
                stands_in = machinery_alerts.keep_puller() and outbox.due()
        except Exception as error:  # beat must not end with a look
            logger.warning("jobs_watched=0 reason=%s", type(error).__name__)
            return
        if stands_in and not (self._sender and self._sender.is_alive()):
            self._sender = Thread(target=_send, name="alerts", daemon=True)
            self._sender.start()

    def _may_know(self, now: float) -> bool:
        """A pull was due since beat began; before, beat itself may have been away."""
        longest = machinery_alerts.pull_may_take().total_seconds()
        return now - self._began >= longest


def _send() -> None:
    try:
        outbox.deliver(seconds=SEND_SECONDS, without=NOT_OURS)
    except Error as error:
        logger.warning("alerts_sent=0 reason=%s", type(error).__name__)
    finally:
        connections.close_all()
