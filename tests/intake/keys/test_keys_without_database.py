"""The database is away or hangs: keys are known all the same, and orders are accepted."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client
from pytest_django import Settings

from intake.keys import known_keys
from intake.keys.known_keys import KnownKeys
from intake.models import ApiKey
from tests.builders import order_data
from tests.intake.clients import post
from tests.intake.public_pages import queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> KnownKeys:
    settings.API_KEYS = "required"
    keys = KnownKeys()
    monkeypatch.setattr(known_keys, "_known", keys)
    return keys


@contextmanager
def database_away() -> Iterator[None]:
    """Every statement fails, as it does when the connection is lost."""

    def fail(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connections["default"].execute_wrapper(fail):
        yield


def order(text: str) -> Any:
    return post(Client(), "/api/orders", order_data(), **{"X-API-Key": text})


def test_what_is_known_goes_on_to_hold_while_the_database_is_away(
    known: KnownKeys, sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    key, text = ApiKey.make("Shop", ["order_created"], None)
    known.look()
    with database_away():
        known.look()
        assert order(text).status_code == HTTPStatus.ACCEPTED
        assert order("hf_wrong").status_code == HTTPStatus.UNAUTHORIZED
        known.look()
    assert len(queued("orders")) == 1
    key.revoke()
    known.look()
    assert order(text).status_code == HTTPStatus.UNAUTHORIZED
    said = [(one.levelname, one.getMessage()) for one in caplog.records]
    api_keys = [one for one in said if one[1].startswith("api_keys=")]
    assert api_keys == [
        ("WARNING", "api_keys=OperationalError"),
        ("INFO", "api_keys=read"),
    ]
    key.refresh_from_db()
    assert key.last_used_at  # noted while nothing could be written


def test_a_process_that_never_read_the_keys_promises_nothing(
    known: KnownKeys, sqs: None
) -> None:
    _, text = ApiKey.make("Shop", ["order_created"], None)
    with database_away():
        known.look()
        answer = order(text)
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.headers["Retry-After"] == "5"
    assert not queued("orders")
    known.look()
    assert order(text).status_code == HTTPStatus.ACCEPTED


def test_where_keys_are_optional_only_who_sends_one_waits_for_them(
    known: KnownKeys, sqs: None, settings: Settings
) -> None:
    settings.API_KEYS = "optional"
    with database_away():
        known.look()
        assert order("hf_any").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        answer = post(Client(), "/api/orders", order_data())
    assert answer.status_code == HTTPStatus.ACCEPTED
