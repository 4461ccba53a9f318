"""The Celery application: `celery -A project worker`."""

import os
from time import monotonic
from typing import Any

from celery import Celery, signals
from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections, connections

from processing.heartbeat import VisibilityHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("holdfast")
app.steps["consumer"].add(VisibilityHeartbeat)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


CHECK_EVERY = 1  # second, unless something failed
_next_check = 0.0


@signals.task_prerun.connect  # type: ignore[untyped-decorator]
def keep_only_good_connections(**_: Any) -> None:
    """A task is like a request: CONN_MAX_AGE and CONN_HEALTH_CHECKS hold for it too.

    But not for each: a check is one of an order's eight round trips. A connection that
    breaks between two checks costs one event a delivery, as one that breaks in the middle
    of an event does; after the error the next task checks at once.
    """
    global _next_check
    failed = any(one.errors_occurred for one in connections.all(initialized_only=True))
    if failed or monotonic() >= _next_check:
        _next_check = monotonic() + CHECK_EVERY
        close_old_connections()


@signals.task_failure.connect  # type: ignore[untyped-decorator]
def close_what_was_interrupted(exception: BaseException, **_: Any) -> None:
    """A job of ours that ran out of time; processing/services.py says why."""
    if isinstance(exception, SoftTimeLimitExceeded):
        connections.close_all()
