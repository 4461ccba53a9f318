import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client
from django.utils import timezone

from processing.delivery.error_texts import Formatter
from processing.handlers import accounts
from processing.handlers.accounts import verification_token
from processing.models import User

pytestmark = pytest.mark.django_db
GOOD = "correct horse battery staple"


def waiting() -> tuple[User, str]:
    user = User.objects.create(
        username="ada", email="ada@example.com", is_active=False, password="!"
    )
    return user, f"/verify/{verification_token(str(user.pk))}/"


def open_with(
    client: Client, path: str, password: str, again: str | None = None
) -> int:
    typed = {"new_password1": password, "new_password2": again or password}
    return client.post(path, typed).status_code


def test_the_mailed_link_opens_nothing_by_being_fetched(client: Client) -> None:
    user, path = waiting()
    assert client.get(path).status_code == HTTPStatus.OK
    user.refresh_from_db()
    assert not user.is_active


def test_the_mailed_link_opens_the_account_under_the_password_chosen(
    client: Client,
) -> None:
    user, path = waiting()
    assert open_with(client, path, GOOD) == HTTPStatus.OK
    user.refresh_from_db()
    assert user.is_active
    assert user.verified_at
    assert user.check_password(GOOD)


def test_a_link_that_was_used_cannot_set_another_password(client: Client) -> None:
    user, path = waiting()
    open_with(client, path, GOOD)
    assert "open already" in client.get(path).content.decode()
    open_with(client, path, "another horse battery staple")
    user.refresh_from_db()
    assert user.check_password(GOOD)


@pytest.mark.parametrize(
    ("password", "again"),
    [
        ("password", None),
        ("a1b2c3", None),
        ("ada@example.com", None),
        ("x" * 4097, None),
        (GOOD, GOOD + "r"),
    ],
)
def test_a_password_that_is_weak_or_mistyped_is_refused_beside_its_field(
    client: Client, password: str, again: str | None
) -> None:
    user, path = waiting()
    assert open_with(client, path, password, again) == HTTPStatus.BAD_REQUEST
    user.refresh_from_db()
    assert not user.is_active


@pytest.mark.parametrize("token", ["x", "1:abc:def", "%00"])
def test_a_link_that_does_not_work_says_what_to_do(client: Client, token: str) -> None:
    answer = client.get(f"/verify/{token}/")
    assert answer.status_code == HTTPStatus.GONE
    assert "Sign up again" in answer.content.decode()


def test_the_link_of_one_who_became_staff_does_not_work(client: Client) -> None:
    user, path = waiting()
    User.objects.filter(pk=user.pk).update(is_staff=True)
    assert open_with(client, path, GOOD) == HTTPStatus.GONE


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_one_link_at_once_one_chooses_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, path = waiting()
    both_may = threading.Barrier(2)
    # The last moment at which both find the account waiting: SQLite lets one in at a time.
    within = connection.vendor == "postgresql"
    name = "make_password" if within else "waiting_for"
    last = getattr(accounts, name)

    def meet(given: str) -> Any:
        found = last(given)
        both_may.wait(10)
        return found

    def open_it(password: str) -> str:
        try:
            typed = {"new_password1": password, "new_password2": password}
            return Client().post(path, typed).content.decode()
        finally:
            connection.close()

    monkeypatch.setattr(accounts, name, meet)
    passwords = [GOOD, GOOD + " two"]
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(open_it, passwords))
    said = ["There is nothing more to do" in page for page in pages]
    opened = ["Thank you" in page for page in pages]
    assert sum(opened) == 1
    assert said == [True, True]
    user.refresh_from_db()
    assert [user.check_password(one) for one in passwords] == opened


def test_who_opens_the_account_a_moment_later_does_not_choose_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, path = waiting()
    late = "another horse battery staple"
    make_password = hashers.make_password

    def meanwhile(password: str) -> str:
        opened = {"verified_at": timezone.now(), "password": make_password(GOOD)}
        User.objects.filter(pk=user.pk).update(**opened)
        return make_password(password)

    monkeypatch.setattr(accounts, "make_password", meanwhile)
    with pytest.raises(accounts.AlreadyOpenError):
        accounts.verify(path.split("/")[2], late)
    user.refresh_from_db()
    assert not user.check_password(late)


def test_the_longest_password_is_taken(client: Client) -> None:
    user, path = waiting()
    longest = (GOOD * 200)[:4096]
    assert open_with(client, path, longest) == HTTPStatus.OK
    user.refresh_from_db()
    assert user.check_password(longest)


@pytest.mark.parametrize(("hours", "status"), [(71, 200), (73, 410)])
def test_a_link_works_for_three_days(client: Client, hours: int, status: int) -> None:
    _, path = waiting()
    with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=False):
        assert open_with(client, path, GOOD) == status


def test_no_link_that_still_works_stands_in_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A password that is too short is enough, or a browser without cookies."""
    _, path = waiting()
    caplog.handler.setFormatter(Formatter("%(message)s"))
    strict = Client(enforce_csrf_checks=True)
    assert open_with(Client(), path, "short") == HTTPStatus.BAD_REQUEST
    assert open_with(strict, path, GOOD) == HTTPStatus.FORBIDDEN
    assert Client().put(path).status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert caplog.text.count("/verify/") >= 3
    assert path.split("/")[2] not in caplog.text
