"""The Celery application: `celery -A project worker`."""

import os

from celery import Celery

from processing.heartbeat import VisibilityHeartbeat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("holdfast")
app.steps["consumer"].add(VisibilityHeartbeat)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
