"""A web server whose keys are revoked, and whose database is away: real processes."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from time import monotonic

import pytest
from django.db import connection
from pytest_django import Settings

from intake.keys.known_keys import FRESH, REVOKED_WITHIN
from intake.models import ApiKey
from processing.sqs import queues
from tests.builders import order_data
from tests.database_proxy import DatabaseProxy
from tests.databases import database_away, through
from tests.live import live_system, wait_for

pytestmark = [pytest.mark.siege, pytest.mark.django_db(transaction=True)]


def status(port: int, key: str) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/orders",
        json.dumps(order_data()).encode(),
        {"Content-Type": "application/json", "X-API-Key": key},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_keys_are_made_used_and_revoked_within_the_stated_time(
    tmp_path: Path, settings: Settings
) -> None:
    with live_system(tmp_path, settings) as system:
        port = system.start_web(API_KEYS="required")
        assert status(port, "hf_none") == 401
        key, text = ApiKey.make("Shop", ["order_created"], None)
        wait_for(lambda: status(port, text) == 202, REVOKED_WITHIN)
        key.revoke()
        begun = monotonic()
        wait_for(lambda: status(port, text) == 401, REVOKED_WITHIN)
        assert monotonic() - begun < REVOKED_WITHIN
        key.refresh_from_db()
        assert key.last_used_at


takes_postgresql_away = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="takes PostgreSQL away; set DATABASE_URL",
)


@takes_postgresql_away
def test_keys_are_known_while_the_database_hangs_and_read_again_afterwards(
    tmp_path: Path, settings: Settings, database: DatabaseProxy
) -> None:
    key, text = ApiKey.make("Shop", ["order_created"], None)
    with live_system(tmp_path, settings) as system:
        port = system.start_web(API_KEYS="required", **through(database))
        assert status(port, text) == 202
        database.hang()
        key.revoke()
        wait_for(lambda: "api_keys=OperationalError" in system.log("web"))
        begun = monotonic()
        assert [status(port, text) for _ in range(5)] == [202] * 5
        assert [status(port, "hf_none") for _ in range(5)] == [401] * 5
        assert monotonic() - begun < 3
        database.go_on()
        wait_for(lambda: status(port, text) == 401, REVOKED_WITHIN)


@takes_postgresql_away
def test_orders_with_a_key_are_accepted_while_the_database_is_away(
    tmp_path: Path, settings: Settings
) -> None:
    key, text = ApiKey.make("Shop", ["order_created"], None)
    with live_system(tmp_path, settings) as system:
        port = system.start_web(API_KEYS="required")
        assert status(port, text) == 202
        taken = 1
        with database_away():
            end = monotonic() + 2 * FRESH
            while monotonic() < end or "api_keys=" not in system.log("web"):
                assert status(port, text) == 202
                taken += 1
            assert status(port, "hf_none") == 401
            late = system.start_web("late", API_KEYS="required")
            assert status(late, text) == 503
        wait_for(lambda: status(late, text) == 202)
        key.revoke()
        wait_for(lambda: status(port, text) == 401, REVOKED_WITHIN)
        assert queues.depth("orders").visible > taken
