"""The Celery application: `celery -A project worker`."""

import os
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


@signals.task_prerun.connect  # type: ignore[untyped-decorator]
def keep_only_good_connections(**_: Any) -> None:
    """A task is like a request: CONN_MAX_AGE and CONN_HEALTH_CHECKS hold for it too."""
    close_old_connections()


@signals.task_failure.connect  # type: ignore[untyped-decorator]
def close_what_was_interrupted(exception: BaseException, **_: Any) -> None:
    """A job of ours that ran out of time; processing/services.py says why."""
    if isinstance(exception, SoftTimeLimitExceeded):
        connections.close_all()
