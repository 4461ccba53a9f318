"""When a key ends, by its own time, by the next key or by being revoked."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from intake.keys import known_keys
from intake.keys.known_keys import KnownKeys
from intake.models import ApiKey
from processing.database.patience import Patience

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standing_clock")]
SCOPES = ["order_created"]
DAY = timedelta(days=1)


def until(days: float | None) -> datetime | None:
    return None if days is None else timezone.now() + days * DAY


@pytest.mark.parametrize(
    ("ends_in", "is_revoked", "state"),
    [
        (None, False, "valid"),
        (1, False, "valid"),
        (0, False, "expired"),
        (-1, False, "expired"),
        (None, True, "revoked"),
        (1, True, "revoked"),
        (-1, True, "revoked"),
    ],
)
def test_a_key_is_valid_until_it_ends_or_is_revoked(
    ends_in: float | None, state: str, *, is_revoked: bool
) -> None:
    key, _ = ApiKey.make("Shop", SCOPES, until(ends_in))
    if is_revoked:
        assert key.revoke()
    key.refresh_from_db()
    assert key.state == state
    assert ApiKey.objects.valid().exists() is (state == "valid")


@pytest.mark.parametrize(
    ("ended_in", "ends_in"), [(None, 7), (30, 7), (8, 7), (7, 7), (6, 6), (-1, -1)]
)
def test_the_next_key_brings_the_end_of_the_former_nearer_and_never_puts_it_off(
    ended_in: float | None, ends_in: float
) -> None:
    key, _ = ApiKey.make("Shop", SCOPES, until(ended_in))
    other, _ = ApiKey.make("Other", SCOPES, until(90))
    following, _ = key.follow(SCOPES, until(60), days=7)
    for one, days in ((key, ends_in), (other, 90), (following, 60)):
        one.refresh_from_db()
        assert one.expires_at == until(days)


def test_a_key_before_the_former_keeps_its_end() -> None:
    first, _ = ApiKey.make("Shop", SCOPES, None)
    second, _ = first.follow(SCOPES, None, days=80)
    second.follow(SCOPES, None, days=7)
    ends = ApiKey.objects.order_by("generation").values_list("expires_at", flat=True)
    assert list(ends) == [until(80), until(7), None]


def test_no_next_key_is_made_where_the_former_cannot_be_ended() -> None:
    key, _ = ApiKey.make("Shop", SCOPES, None)

    def refuse_updates(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError
        return execute(sql, *more)

    with connection.execute_wrapper(refuse_updates), pytest.raises(OperationalError):
        key.follow(SCOPES, None, days=7)
    assert ApiKey.objects.count() == 1


def test_a_time_of_use_that_another_process_noted_later_stays() -> None:
    key, text = ApiKey.make("Shop", SCOPES, None)
    known = KnownKeys()
    known.look()
    assert known.find(text)
    later = timezone.now() + timedelta(minutes=2)
    ApiKey.objects.update(last_used_at=later)
    known.look()
    key.refresh_from_db()
    assert key.last_used_at == later


def test_a_request_waits_for_the_first_look_of_its_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread that looks has begun just now."""
    _, text = ApiKey.make("Shop", SCOPES, None)
    known = KnownKeys()
    monkeypatch.setattr(known._first_look, "wait", lambda _: known.look())
    caller = known.find(text)
    assert caller is not None
    assert (caller.producer, caller.scopes) == ("Shop", frozenset(SCOPES))


def test_each_process_has_a_thread_that_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread does not survive a fork."""
    monkeypatch.setattr(KnownKeys, "keep_fresh", lambda _: None)
    monkeypatch.setattr(known_keys, "_known", None)
    ours = known_keys.of_this_process()
    assert known_keys.of_this_process() is ours
    monkeypatch.setattr(os, "getpid", lambda: ours.pid + 1)
    assert known_keys.of_this_process() is not ours


def test_a_database_that_hangs_is_given_up_and_the_keys_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, text = ApiKey.make("Shop", SCOPES, None)
    known = KnownKeys()
    known.look()
    left: list[float | None] = []

    def hang() -> NoReturn:
        left.append(Patience().left())
        raise OperationalError

    monkeypatch.setattr(ApiKey.objects, "valid", hang)
    known.look()
    (seconds,) = left
    assert seconds is not None
    assert 0 < seconds <= known_keys.LONGEST
    assert known.find(text)
