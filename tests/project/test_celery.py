from typing import Any

import psycopg
import pytest
from celery import signals
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from dlq_review import tasks
from dlq_review.models import LifeSign
from dlq_review.pull import puller
from processing.models import Order
from processing.tasks import handle
from processing.worker import database_connections
from processing.worker.bundles import Bundle
from processing.worker.visibility_heartbeat import VisibilityHeartbeat
from project.celery import app
from tests.builders import message, order_created

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="no server closes SQLite's connection; set DATABASE_URL",
)


def test_the_application_is_called_as_the_product_is() -> None:
    assert app.main == "holdfast"  # monitors and `celery inspect` show it


#: What a worker does at each moment of its life, beside what Celery does itself.
DONE_AT = {
    "worker_init": {"refuse_without_time_limits", "tell_in_json"},
    "worker_before_create_process": {"share_memory"},
    "worker_process_init": {"own_a_row", "let_go", "start"},
    "worker_process_shutdown": {"stop"},
    "task_prerun": {"keep_only_good_connections"},
    "task_failure": {"close_what_was_interrupted"},
}


@pytest.mark.parametrize("moment", DONE_AT)
def test_a_worker_does_at_each_moment_what_it_must(moment: str) -> None:
    found = getattr(signals, moment)._live_receivers(app)
    ours = {one.__name__ for one in found if one.__module__.startswith("processing.")}
    assert ours == DONE_AT[moment]


def test_a_worker_keeps_its_messages_hidden_and_shows_its_metrics() -> None:
    assert app.steps["consumer"] == {VisibilityHeartbeat}
    assert app.steps["worker"] == {"processing.worker.metrics_step:Metrics"}


@pytest.mark.django_db(transaction=True)
def test_a_job_that_ran_out_of_time_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_interrupted(**_: object) -> None:
        connection.cursor().execute("BEGIN")
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(puller, "pull", be_interrupted)
    app.set_current()
    assert tasks.pull.apply().failed()
    assert connection.connection is None
    assert not LifeSign.objects.exists()


def _break_connection() -> None:
    with psycopg.connect(**_server(), autocommit=True) as other:
        pid = connection.connection.info.backend_pid
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone()


def _server() -> dict[str, Any]:
    return {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in ("dbname", "user", "password", "host", "port")
    }


def _outcomes_around_a_break(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of a job before a break of the database's connection, and of three after it."""
    monkeypatch.setattr(database_connections, "_next_check", 0.0)
    app.set_current()
    outcomes = [tasks.pull.apply().successful()]
    _break_connection()
    return outcomes + [tasks.pull.apply().successful() for _ in range(3)]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_between_two_checks_fails_one_task(
    monkeypatch: pytest.MonkeyPatch, sqs: None
) -> None:
    monkeypatch.setattr(database_connections, "CHECK_EVERY", 3600)
    assert _outcomes_around_a_break(monkeypatch) == [True, False, True, True]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_longer_ago_fails_none(
    monkeypatch: pytest.MonkeyPatch, sqs: None
) -> None:
    monkeypatch.setattr(database_connections, "CHECK_EVERY", 0)
    assert _outcomes_around_a_break(monkeypatch) == [True, True, True, True]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_breaks_under_one_event_fails_no_other_of_its_bundle(
    monkeypatch: pytest.MonkeyPatch, sqs: None
) -> None:
    monkeypatch.setattr(database_connections, "CHECK_EVERY", 3600)
    database_connections.keep_only_good_connections()
    app.set_current()
    assert not Order.objects.exists()
    _break_connection()
    bundle = Bundle.of([message("unreadable"), message(order_created())])
    assert handle.apply(kwargs={"bundle": bundle}).successful()
    assert Order.objects.exists()
