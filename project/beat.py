"""Beat sends a job only if there is work for it, and looks into the database to know.

A job that finds nothing to do costs three calls to SQS: send, receive, delete. A look costs
one query. Work that is there is seen at the next look, whatever became of the job that was
sent for it before. So no job can be lost for good, and no process has to announce its work.
After LONGEST_SLEEP the job is sent without a look, in case the look is wrong.

The pull has no look: only SQS knows what is in a DLQ.
"""

import logging
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from celery.beat import PersistentScheduler
from django.db import close_old_connections
from django.utils import timezone

from dlq_review import archive
from dlq_review.alerts import outbox
from dlq_review.groups import merge
from dlq_review.letters import retention, settlement
from dlq_review.monitoring.health import LONGEST_SLEEP
from dlq_review.operations import leases
from dlq_review.redrive import sender, undo_window
from dlq_review.retention import periods, rows
from dlq_review.schedule import runs
from processing.database.patience import within
from processing.delivery import spool
from project.beat_watch import JobsWatch

logger = logging.getLogger(__name__)

PATIENCE = 1  # second that the looks of one job may take


def has_letters_to_settle() -> bool:
    return (
        undo_window.due().exists()
        or sender.late_claims().exists()
        or settlement.processed_meanwhile().exists()
        or merge.with_strayed_letters().exists()
    )


def has_something_to_purge() -> bool:
    length = periods.TEXTS.length()
    texts = length is not None and retention.has_texts(timezone.now() - length)
    return texts or any(rows.due())


#: The look of each job that may sleep, by its name in CELERY_BEAT_SCHEDULE.
LOOKS: dict[str, Callable[[], bool]] = {
    "settle": has_letters_to_settle,
    "operate": lambda: leases.free().exists() or runs.due().exists(),
    "tell": outbox.due,
    "archive": archive.may_begin,
    "relay": lambda: spool.due().exists(),
    "purge": has_something_to_purge,
}


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._sent_at: dict[str, float] = {}
        self._watch = JobsWatch()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Celery calls it again and again."""
        self._watch.look()
        return super().tick(*args, **kwargs)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Celery calls it for each entry whose time has come."""
        if self._may_sleep(entry.name):
            return
        self._sent_at[entry.name] = monotonic()
        super().apply_entry(entry, producer)

    def _may_sleep(self, name: str) -> bool:
        look = LOOKS.get(name)
        asleep_for = monotonic() - self._sent_at.get(name, -inf)
        if look is None or asleep_for >= LONGEST_SLEEP.total_seconds():
            return False
        try:
            close_old_connections()
            with within(PATIENCE):
                return not look()
        except Exception as error:  # the job finds out; beat must not end with a look
            logger.warning("job=%s looked=0 reason=%s", name, type(error).__name__)
            return False
