"""The Celery application: `celery -A project worker`."""

import os

from celery import Celery, signals

from processing.tracing import spans
from processing.worker import last_words, metrics_port
from processing.worker.database_connections import (
    close_what_was_interrupted,
    keep_only_good_connections,
)
from processing.worker.pools import (
    own_a_row,
    refuse_without_time_limits,
    share_memory,
)
from processing.worker.visibility_heartbeat import VisibilityHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

os.umask(0o077)  # beat's schedule, and what else a worker writes, is nobody else's

app = Celery("holdfast")
app.steps["consumer"].add(VisibilityHeartbeat)
app.steps["worker"].add("processing.worker.metrics_step:Metrics")  # needs models
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

signals.worker_before_create_process.connect(share_memory)
signals.worker_init.connect(refuse_without_time_limits)
signals.worker_init.connect(last_words.tell_in_json)
signals.worker_process_init.connect(own_a_row)
signals.worker_process_init.connect(metrics_port.let_go)
signals.worker_process_init.connect(spans.start)
signals.worker_process_shutdown.connect(spans.stop)
signals.task_prerun.connect(keep_only_good_connections)
signals.task_failure.connect(close_what_was_interrupted)
