"""Guessing at the staff's door: limited by client, and never a way to shut somebody out."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from processing.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standing_clock")]
LOGIN = reverse("admin:login")
WORD = "a long one, 47 horses"


@pytest.fixture(autouse=True)
def _one_window() -> Iterator[None]:
    """The limits count for five minutes by the clock; no test runs over the end of them."""
    with time_machine.travel("2026-11-26T10:01:00Z", tick=False):
        yield


@pytest.fixture(autouse=True)
def ada(settings: Settings) -> User:
    settings.AXES_ENABLED = True
    user = User.objects.create(username="ada", is_staff=True, is_superuser=True)
    user.set_password(WORD)
    user.save()
    return user


def log_in(word: str, *, name: str = "ada", client: Client | None = None) -> Any:
    told = {"username": name, "password": word}
    return (client or Client()).post(LOGIN, told)


def at(address: str) -> Client:
    """A client behind our proxy, which adds the address it sees."""
    forwarded = f"192.0.2.66, {address}"
    return Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})


def test_wrong_passwords_from_elsewhere_lock_nobody_out(settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    guesser = at("203.0.113.9")
    codes = [log_in("wrong", client=guesser).status_code for _ in range(11)]
    assert codes == [200] * 9 + [429] * 2
    assert log_in(WORD, client=guesser).status_code == 429, "he is locked out"
    assert log_in(WORD, client=at("203.0.113.10")).status_code == 302
    assert log_in(WORD, client=at("2001:db8::1")).status_code == 302


def test_an_address_that_the_client_made_up_neither_locks_nor_frees(
    settings: Settings,
) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    for number in range(10):
        forwarded = f"198.51.100.{number}, 203.0.113.9"
        client = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})
        answer = log_in("wrong", client=client)
    assert answer.status_code == 429
    assert log_in(WORD, client=at("198.51.100.3")).status_code == 302


def test_one_network_is_one_guesser(settings: Settings) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    for number in range(10):
        answer = log_in("wrong", client=at(f"2001:db8:1:2::{number}"))
    assert answer.status_code == 429


def test_a_right_password_forgives_the_wrong_ones_before() -> None:
    for _ in range(2):
        assert [log_in("wrong").status_code for _ in range(9)] == [200] * 9
        assert log_in(WORD).status_code == 302


def test_many_names_from_one_address_are_limited_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    codes = [log_in("wrong", name=f"name {n}").status_code for n in range(25)]
    assert codes == [200] * 20 + [429] * 5
    assert len(hashed) == 20
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert log_in(WORD, client=elsewhere).status_code == 302


def test_the_limit_says_when_and_repeats_no_password(settings: Settings) -> None:
    settings.RATE_LIMIT_LOGINS = 0
    answer = log_in("my secret word")
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    page = answer.content.decode()
    assert "Too many tries" in page
    assert "my secret word" not in page
    assert Client().get(LOGIN).status_code == 200, "reading is not limited"


@pytest.mark.parametrize(
    ("page", "is_limited"),
    [
        ("login", True),
        ("password_change", True),
        ("second_factor", True),
        ("second_factor_enrol", True),
        ("second_factor_codes", False),  # asks for nothing that could be guessed
        ("index", False),
    ],
)
def test_whatever_asks_for_a_password_or_a_code_is_limited(
    settings: Settings, page: str, is_limited: bool
) -> None:
    settings.RATE_LIMIT_LOGINS = 0
    answer = Client().post(reverse(f"admin:{page}"))
    assert (answer.status_code == 429) == is_limited


def test_the_page_of_a_lock_out_says_what_to_do_and_no_name() -> None:
    for _ in range(10):
        answer = log_in("wrong")
    page = answer.content.decode()
    assert "Too many wrong passwords" in page
    assert "ada" not in page


def test_no_name_and_no_address_of_staff_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(11):
        log_in("wrong", name="grace.hopper")
    log_in(WORD)
    said = [r.getMessage() for r in caplog.records if r.levelname != "DEBUG"]
    assert not [line for line in said if "grace" in line or "ada" in line]


@pytest.mark.parametrize(
    ("next_", "status"),
    [("%00", 400), ("%ff", 200), ("a" * 5000, 200), ("//evil.example", 200)],
)
def test_a_failed_login_with_any_query_is_answered(next_: str, status: int) -> None:
    told = {"username": "ada", "password": "wrong", "y" * 300: "é" * 2000}
    answer = Client().post(f"{LOGIN}?next={next_}", told)
    assert answer.status_code == status


def test_a_login_with_a_nul_is_refused() -> None:
    told = {"username": "ada", "password": "wrong", "x": "\0"}
    assert Client().post(LOGIN, told).status_code == 400
