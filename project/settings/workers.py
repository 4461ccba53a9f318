"""Celery: its transport to SQS, its workers, and the schedule of beat."""

import socket

from processing.sqs.topology import QUEUES
from project.settings.process import VAR_DIR, env
from project.settings.sqs import (
    AWS_REGION,
    SQS_ENDPOINT_URL,
    SQS_QUEUE_URLS,
    SQS_WAIT_SECONDS,
)

# SQS is the only retry engine: a message is deleted after it was processed, and only then.
CELERY_BROKER_TRANSPORT = "processing.worker.transport:Transport"
CELERY_BROKER_URL = "sqs://" + SQS_ENDPOINT_URL.partition("//")[2]
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "region": AWS_REGION,
    "is_secure": not SQS_ENDPOINT_URL.startswith("http://"),
    "predefined_queues": {
        queue.name: {"url": SQS_QUEUE_URLS[queue.name]} for queue in QUEUES.values()
    },
    "wait_time_seconds": SQS_WAIT_SECONDS,
    "polling_interval": 0.05,  # seconds between looks for a free prefetch slot
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_QUEUES = {
    queue.name: {"exchange": "", "routing_key": queue.name, "no_declare": True}
    for queue in QUEUES.values()
}
CELERY_TASK_DEFAULT_QUEUE = CELERY_TASK_DEFAULT_ROUTING_KEY = "jobs"
CELERY_TASK_DEFAULT_EXCHANGE = ""
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = (
    None  # nothing is stored; else Celery sends a job at four to clean it up
)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_ACKS_ON_FAILURE = False
CELERY_TASK_ACKS_ON_TIMEOUT = False
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 2)
CELERY_WORKER_PREFETCH_MULTIPLIER = env.int("WORKER_PREFETCH_MULTIPLIER", 10)
WORKER_HEARTBEAT_SECONDS = env.float("WORKER_HEARTBEAT_SECONDS", 20)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Celery closes each database connection after each task; processing/worker/database_connections.py does better.
CELERY_DB_REUSE_MAX = 1_000_000_000
SPOOL_RELAY_SECONDS = env.float("SPOOL_RELAY_SECONDS", 10)
CELERY_BEAT_SCHEDULER = "project.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "pull": {
        "task": "dlq_review.pull",
        "schedule": env.float("DLQ_PULL_SECONDS", 30),
    },
    "settle": {
        "task": "dlq_review.settle",
        "schedule": env.float("DLQ_SETTLE_SECONDS", 10),
    },
    "operate": {
        "task": "dlq_review.operate",
        "schedule": env.float("OPERATE_SECONDS", 5),
    },
    "tell": {"task": "dlq_review.tell", "schedule": 30},
    "archive": {"task": "dlq_review.archive", "schedule": 10},
    "purge": {"task": "dlq_review.purge", "schedule": 60},
    "recount": {"task": "dlq_review.recount", "schedule": 600},
    "relay": {
        "task": "processing.relay",
        "schedule": SPOOL_RELAY_SECONDS,
    },
}
WORKER_NAME = env.str("WORKER_NAME", socket.gethostname())
