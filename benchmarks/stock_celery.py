"""The baseline: the same work done by Celery as it comes, with kombu's own SQS transport.

Fair because the task does what our worker does with an event (the same parsing, the same
rows, in one transaction), and because every setting that makes Celery on SQS quick or thrifty is
on: predefined queues, no declarations, no base64, a short polling interval, database
connections kept, no results, no events, no remote control, late acknowledgement as ours. A run tries several
prefetch multipliers and takes the best.
"""

import os

from celery import Celery
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

PREFETCH = (4, 10, 25)  # multipliers that the worker is tried with, each on a queue
QUEUES = ("stock-celery", *(f"stock-celery-{number}" for number in PREFETCH))
_endpoint = os.environ["SQS_ENDPOINT_URL"]
_account = f"{_endpoint}/000000000000/{os.environ['SQS_QUEUE_PREFIX']}"

app = Celery("stock_celery", set_as_current=False)
app.conf.update(
    broker_url="sqs://local:local@" + _endpoint.partition("//")[2],
    broker_transport_options={
        "region": "us-east-1",
        "is_secure": False,
        "predefined_queues": {name: {"url": _account + name} for name in QUEUES},
        "wait_time_seconds": 20,
        "polling_interval": 0.05,
        "sqs_base64_encoding": False,
        "body_encoding": "utf-8",
        "client-config": {
            "connect_timeout": 0.4,
            "read_timeout": 0.9,
            "retries": {"total_max_attempts": 1},
            "max_pool_connections": 32,
        },
    },
    broker_pool_limit=32,  # one connection for each thread of the web server
    broker_connection_retry_on_startup=True,
    task_queues=[Queue(name, routing_key=name, no_declare=True) for name in QUEUES],
    task_default_queue="stock-celery",
    task_default_exchange="",
    task_default_routing_key="stock-celery",
    task_create_missing_queues=False,
    task_ignore_result=True,
    task_acks_late=True,
    task_acks_on_failure=False,
    task_acks_on_timeout=False,
    task_reject_on_worker_lost=True,
    task_time_limit=50,
    task_soft_time_limit=45,
    task_publish_retry=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    CELERY_DB_REUSE_MAX=10_000,  # tasks; without it each opens a connection
)


@app.task(name="stock_celery.process")  # type: ignore[untyped-decorator]
def process(body: str) -> None:
    from processing.delivery import processor  # only once Django is ready
    from processing.events import envelope  # only once Django is ready

    processor.process(envelope.parse(body, fallback_id=""))


@app.task(name="stock_celery.accept")  # type: ignore[untyped-decorator]
def accept(order: dict[str, object]) -> None:
    """What the stock view sends; nothing consumes it."""
