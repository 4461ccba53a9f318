"""The database connections of a process of the pool: Django looks after those of requests.

CONN_MAX_AGE and CONN_HEALTH_CHECKS hold here too, but a check is one of an order's eight
round trips, so it is not made for each. A connection that breaks between two checks costs
one event a delivery, as one that breaks in the middle of an event does; after the error
the next event checks at once.
"""

from time import monotonic
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections, connections

CHECK_EVERY = 1  # second, unless something failed
_next_check = 0.0


def keep_only_good_connections(**_: Any) -> None:
    """Check the connections before each task, and before each event of a task."""
    global _next_check
    failed = any(one.errors_occurred for one in connections.all(initialized_only=True))
    if failed or monotonic() >= _next_check:
        _next_check = monotonic() + CHECK_EVERY
        close_old_connections()


def close_what_was_interrupted(exception: BaseException, **_: Any) -> None:
    """Close connections after a job of ours ran out of time (see delivery/processor.py)."""
    if isinstance(exception, SoftTimeLimitExceeded):
        connections.close_all()
