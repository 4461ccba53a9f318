"""Limits that have to fit each other, and times that a person or a machine can bear."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from dlq_review import checks, tasks
from dlq_review.alerts import outbox
from dlq_review.letters import revisions, settlement
from dlq_review.monitoring import books, early_warnings, health
from dlq_review.operations import leases, pace, runner
from dlq_review.pull import receiving
from dlq_review.redrive import sender, undo_window
from dlq_review.search import full_text, veil
from intake import accept, idempotent_replays, rate_limits, shared_cache
from intake.keys import known_keys
from intake.pages import form_token
from processing import circuit_breaker, receipts
from processing import tasks as processing_tasks
from processing.database import patience
from processing.delivery import sets, spool
from processing.events import timestamps
from processing.handlers import accounts
from processing.metrics import server as metrics_server
from processing.outbound import https, pinned, topic
from processing.s3 import bucket
from processing.sqs import access, credentials, send_batcher
from processing.sqs.topology import DAY, EVENT_QUEUES, MAX_MESSAGE_BYTES, QUEUES
from processing.worker import (
    bundles,
    database_gate,
    delete_batches,
    joined_polls,
    polling,
    visibility,
)
from project import health as liveness
from project import metrics
from project.doctor import (
    alerts_check,
    archive_check,
    database_checks,
    examination,
    surroundings,
)

BEAT = {name: one["schedule"] for name, one in settings.CELERY_BEAT_SCHEDULE.items()}
SHORTEST_VISIBILITY = min(queue.visibility_timeout for queue in QUEUES.values())
JOB = QUEUES["jobs"].soft_time_limit
MINUTE, HOUR = 60, 3600
IN_ORDER = {
    "a send: its parts, the call, and what a caller waits in all": (
        *(0.001, send_batcher.GATHER, access.QUICK_CONNECT, access.QUICK_ANSWER),
        *(send_batcher.LONGEST_CALL, send_batcher.BUDGET, 2),
    ),
    "a call that is worth its while, within the budget": (
        *(0, send_batcher.SHORTEST_CALL, send_batcher.BUDGET, 2),
    ),
    "company is expected longer than it is gathered": (
        *(send_batcher.GATHER, send_batcher.COMPANY_LASTS, 1),
    ),
    "credentials within a request, at the start, and by a command": (
        *(0, access.QUICK_CREDENTIALS, credentials.PATIENCE + 0.1),
        *(credentials.LONGEST_COMMAND, MINUTE),
    ),
    "credentials are renewed long before they end": (
        *(MINUTE, credentials.REFRESH, HOUR),
    ),
    "a breaker lets somebody try while people wait": (
        *(0, circuit_breaker.LAST_RESORT_PAUSE, circuit_breaker.PAUSE, 30),
    ),
    "a receipt waits for the database no longer than accepting does": (
        *(0, receipts.PATIENCE, accept.PATIENCE, 5),
    ),
    "a statement of a page ends before a client gives up": (
        *(accept.PATIENCE, patience.STATEMENT, 2 * MINUTE),
    ),
    "a cache that hangs costs a request little": (
        *(0, 0.2, shared_cache.SLOWEST, 1, shared_cache.PAUSE, MINUTE),
    ),
    "a delete waits less than its message is hidden": (
        *(0, delete_batches.GATHER, 1, SHORTEST_VISIBILITY),
    ),
    "a heartbeat comes twice before a message is visible": (
        *(0, 2 * settings.WORKER_HEARTBEAT_SECONDS, visibility.LEAST),
    ),
    "a poll that failed is tried again soon": (*(0, polling.REST_AFTER_ERROR, 10),),
    "the database gate asks often, and briefly": (
        *(0, database_gate.PATIENCE, database_gate.REST + 0.1, 5),
    ),
    "a full poll waits shortly, and what is quick is so beside what is slow": (
        *(0, joined_polls.LONGEST_WAIT, joined_polls.QUICK, bundles.BEGIN_FOR),
    ),
    "a set ends before the task that holds it is told to stop": (
        *(bundles.BEGIN_FOR, sets.LONGEST),
        min(queue.soft_time_limit for queue in QUEUES.values()),
    ),
    "mail servers are given up before the task is": (
        *(1, settings.EMAIL_TIMEOUT, QUEUES["emails"].soft_time_limit),
    ),
    "a relay ends before its job, and soon after the next is asked for": (
        *(spool.REST, settings.SPOOL_RELAY_SECONDS, processing_tasks.MOST_RELAYING),
        JOB,
    ),
    "an event in the spool is tried again within minutes": (
        *(MINUTE, spool.LONGEST_PAUSE, books.SPOOLED_TOO_LONG.total_seconds(), HOUR),
    ),
    "a pull ends before the next, and before its messages are visible": (
        *(receiving.GATHERING, tasks.PULL_SHARE * BEAT["pull"], BEAT["pull"]),
        *(receiving.VISIBILITY, JOB),
    ),
    "a claim is sent before it is taken for lost, and told of later": (
        *(send_batcher.BUDGET, sender.CLAIM_LASTS.total_seconds()),
        *(books.CLAIMED_TOO_LONG.total_seconds(), HOUR),
    ),
    "an undo ends before it looks like a redrive that does nothing": (
        *(0, undo_window._AFTER_IT_IS_DUE, settings.REDRIVE_UNDO_SECONDS),
        *(checks.LONGEST_UNDO, sender.CLAIM_LASTS.total_seconds() + 1),
    ),
    "a runner renews its lease long before it runs out": (
        *(pace.TICK, runner.LOOK, tasks.OPERATE_SECONDS),
        *(leases.LASTS.total_seconds(), 5 * MINUTE),
    ),
    "settling ends within its job": (1, settlement.SECONDS, JOB),
    "purges leave most of the time to other jobs": (
        *(1, 2 * tasks.PURGE_SECONDS, BEAT["purge"], JOB),
    ),
    "a loss is told of a day before, long after the pull is late": (
        *(health._LATE * BEAT["pull"], health.DRIFT_CHECK.total_seconds()),
        *(early_warnings.near().total_seconds(), QUEUES["orders"].dlq_retention),
    ),
    "a run of the alerts ends before their claim runs out, and in its job": (
        *(https.WITHIN, tasks.TELL_SECONDS + outbox.LONGEST_SEND),
        *(outbox.LEASE.total_seconds(), JOB),
    ),
    "what is redriven has an outcome before it is overdue": (
        *(QUEUES["orders"].visibility_timeout, settings.REDRIVE_OVERDUE_SECONDS, DAY),
    ),
    "a form stays a repetition as long as it may be open": (
        *(HOUR, form_token.LONGEST_OPEN.total_seconds(), rate_limits._REMEMBERED + 1),
        2 * DAY,
    ),
    "a retry is known as long as clients try again": (
        *(HOUR, idempotent_replays.REMEMBERED, 7 * DAY),
    ),
    "a link in a mail works for some days": (DAY, accounts.LINK_AGE, 7 * DAY),
    "a key that was revoked is refused as soon as staff are told": (
        *(known_keys.LONGEST, known_keys.FRESH),
        *(known_keys.FRESH + known_keys.LONGEST, known_keys.REVOKED_WITHIN),
    ),
    "clocks may differ by minutes": (
        *(timestamps._CLOCKS_OF_OURS, timestamps.AHEAD, timedelta(minutes=15)),
    ),
    "staff who did nothing log in again before the session ends": (
        *(MINUTE, settings.STAFF_IDLE_SECONDS, settings.SESSION_COOKIE_AGE, DAY),
    ),
    "an edited body of the largest size can be posted": (
        *(revisions.LONGEST_EDIT, MAX_MESSAGE_BYTES),
        *(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 4 * MAX_MESSAGE_BYTES),
    ),
    "a connection to a receiver of alerts is tried elsewhere before the post is cut": (
        *(0, pinned.CONNECT, pinned.CONNECT * pinned.MOST_PLACES, https.WITHIN),
    ),
    "a look of the doctor ends before it is given up, and all of them soon": (
        *(0, archive_check._PATIENCE, database_checks.PATIENCE),
        *(examination.PATIENCE, 15),
    ),
    "a channel or a mail server is asked no longer than the database": (
        *(0, alerts_check._PATIENCE, surroundings._PATIENCE, database_checks.PATIENCE),
    ),
    "a probe and a scrape are answered before their asker gives up": (
        *(0, max(liveness.PATIENCE, metrics.PATIENCE), 2),
    ),
    "a client of the port of the metrics that says nothing is left": (
        *(1, metrics_server._Handler.timeout, 10),
    ),
    "a page reads no more than it can show in a second": (
        *(veil.MOST_READ, full_text.LONGEST + 1, veil.MOST_MASKED, 4 * 1024 * 1024),
    ),
}


@pytest.mark.parametrize("rule", IN_ORDER)
def test_limits_fit_each_other(rule: str) -> None:
    found = IN_ORDER[rule]
    for less, more in zip(found, found[1:], strict=False):
        assert less < more, rule  # type: ignore[operator]


@pytest.mark.parametrize("client", [bucket._client, topic._client])
def test_a_job_waits_seconds_for_s3_or_sns_and_tries_itself_again(
    client: Callable[[int, str], Any],
) -> None:
    config = client(0, "http://127.0.0.1:9").meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.retries["total_max_attempts"] == 1


def test_a_message_outlives_its_retries_and_a_weekend() -> None:
    for name in EVENT_QUEUES:
        queue = QUEUES[name]
        assert queue.retention >= 4 * DAY
        assert queue.dlq_retention == 14 * DAY, "the longest that SQS allows"
        tried = settings.SQS_MAX_RECEIVE_COUNT * (queue.visibility_timeout + 300)
        assert tried < queue.retention / 10


def test_what_protects_the_pages_is_on() -> None:
    names = {
        "X_FRAME_OPTIONS": "DENY",
        "SECURE_REFERRER_POLICY": "same-origin",
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
        "AXES_VERBOSE": False,
        "CELERY_ACCEPT_CONTENT": ["json"],
        "CELERY_WORKER_ENABLE_REMOTE_CONTROL": False,
        "CELERY_TASK_CREATE_MISSING_QUEUES": False,
    }
    assert {name: getattr(settings, name) for name in names} == names
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert policy["default-src"] == policy["base-uri"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert {word for words in policy.values() for word in words} == {
        *("'none'", "'self'", "data:"),
    }
    assert policy["script-src"] == policy["style-src"] == ["'self'"]


def test_sqs_is_the_only_retry_engine() -> None:
    """A message is deleted after it was processed, and only then."""
    names = {
        "CELERY_TASK_ACKS_LATE": True,
        "CELERY_TASK_ACKS_ON_FAILURE": False,
        "CELERY_TASK_ACKS_ON_TIMEOUT": False,
        "CELERY_TASK_REJECT_ON_WORKER_LOST": True,
        "CELERY_TASK_PUBLISH_RETRY": False,
        "CELERY_TASK_IGNORE_RESULT": True,
    }
    assert {name: getattr(settings, name) for name in names} == names
