from typing import Any

import pytest
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.test import Client
from psycopg.errors import ReadOnlySqlTransaction

from processing.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_a_page_whose_database_is_away_says_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch, away: type[Exception]
) -> None:
    answer = page_that_fails_with(away("at db.internal"), client, monkeypatch)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Nothing is lost" in answer.content.decode()
    assert "db.internal" not in answer.content.decode()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL can")
def test_a_page_that_writes_to_a_read_only_database_says_when_to_come_back(
    client: Client,
) -> None:
    User.objects.create_superuser("eva", password="secret")
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    client.raise_request_exception = False
    login = {"username": "eva", "password": "secret"}
    answer = client.post("/admin/login/", login)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_a_page_that_a_standby_refuses_to_write_says_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = InternalError("cannot execute INSERT in a read-only transaction")
    refused.__cause__ = ReadOnlySqlTransaction()
    answer = page_that_fails_with(refused, client, monkeypatch)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("fault", [ProgrammingError, KeyError, InternalError])
def test_a_page_with_a_fault_of_its_own_does_not_say_that_it_passes(
    client: Client, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    answer = page_that_fails_with(fault("x"), client, monkeypatch)
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers


def page_that_fails_with(
    error: Exception, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Any:
    client.force_login(User.objects.create_superuser("eva"))
    client.raise_request_exception = False

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(User._default_manager, "get", refuse)
    monkeypatch.setattr("django.contrib.auth.backends.ModelBackend.get_user", refuse)
    return client.get("/admin/")
