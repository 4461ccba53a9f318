"""A worker without its database stops receiving, so that good messages stay on SQS.

Every receive counts towards maxReceiveCount; without the gate an outage of a few minutes
would carry healthy messages into the DLQ. The database is asked only after something
failed, and then every second until it answers: while it is asked the worker does nothing
else, and an answer may take long.
"""

import logging
from time import monotonic

from django.db import Error, connection, transaction

from processing.database.patience import within
from processing.events.envelope import new_id
from processing.models import UnderReview

logger = logging.getLogger(__name__)


REST = 1  # seconds after a no
PATIENCE = 1  # second


class DatabaseGate:
    """Shut from a failure on until the database takes a write again."""

    def __init__(self) -> None:
        self._in_doubt = False
        self._shut = False
        self._ask_at = 0.0

    def doubt(self) -> None:
        """After a failure, check the database before the next poll."""
        self._in_doubt = True

    def is_open(self) -> bool:
        if self._in_doubt and monotonic() >= self._ask_at:
            answers = database_answers()
            if not answers:
                self._ask_at = monotonic() + REST
            if answers == self._shut:
                self._shut = not answers
                logger.warning("receiving=%s", "resumed" if answers else "stopped")
            self._in_doubt = not answers
        return not self._shut


def database_answers() -> bool:
    """Whether the database takes a write now. Leaves no row and no connection behind.

    No connection, because the process that asks is the one that forks the workers.
    """
    try:
        with within(PATIENCE), transaction.atomic():
            _limit_server()
            UnderReview.objects.create(request_id=new_id())
            transaction.set_rollback(True)
    except Error:
        return False
    finally:
        connection.close()
    return True


def _limit_server() -> None:
    """Otherwise each check that waits for a lock would stay, and hold a connection."""
    if connection.vendor == "postgresql":
        limit = f"'{PATIENCE * 800}ms'"  # before we give up
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {limit}")
            cursor.execute(f"SET LOCAL statement_timeout = {limit}")
