"""How long each limit counts, what an answer tells of it, and what is never counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
import time_machine
from django.test import Client, RequestFactory
from pytest_django import Settings

from intake import rate_limits
from intake.rate_limits import Limit, RateLimitedError, client_of
from tests.intake.public_pages import order_form, signup_form

ADA = "ada@example.com"
TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)
LIMITS: dict[str, tuple[Callable[[], Limit], int]] = {
    "requests": (rate_limits.requests, 300),
    "keyed-requests": (rate_limits.keyed_requests, 300),
    "signups": (rate_limits.signups, 300),
    "logins": (rate_limits.logins, 300),
    "mails": (rate_limits.mails, 3600),
}
NAMES = ("REQUESTS", "KEY_REQUESTS", "SIGNUPS", "LOGINS", "MAILS")


@pytest.fixture
def one_of_each(settings: Settings) -> None:
    for name in NAMES:
        setattr(settings, f"RATE_LIMIT_{name}", 1)


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_counts_until_its_window_ends(one_of_each: None, name: str) -> None:
    limit, seconds = LIMITS[name]
    with time_machine.travel(TEN, tick=False) as clock:
        rate_limits.spend(limit(), ADA)
        clock.shift(timedelta(seconds=seconds - 1))
        with pytest.raises(RateLimitedError, match="Wait 1 seconds") as refused:
            rate_limits.spend(limit(), ADA)
        assert refused.value.headers == {
            "Retry-After": "1",
            "RateLimit-Policy": f'"{name}";q=1;w={seconds}',
            "RateLimit": f'"{name}";r=0;t=1',
        }
        clock.shift(timedelta(seconds=1))
        assert rate_limits.spend(limit(), ADA).used == 1


@pytest.mark.usefixtures("standing_clock")
def test_each_limit_counts_for_itself(one_of_each: None) -> None:
    used = [rate_limits.spend(limit(), ADA).used for limit, _ in LIMITS.values()]
    assert used == [1] * len(LIMITS)


def test_a_repetition_costs_no_mail_for_a_day(one_of_each: None) -> None:
    with time_machine.travel(TEN, tick=False) as clock:
        rate_limits.spend_once(rate_limits.mails(), ADA, "r-1")
        clock.shift(timedelta(hours=23, minutes=59))
        rate_limits.spend_once(rate_limits.mails(), ADA, "r-2")
        rate_limits.spend_once(rate_limits.mails(), ADA, "r-1")
        with pytest.raises(RateLimitedError):
            rate_limits.spend_once(rate_limits.mails(), ADA, "r-3")


@pytest.mark.django_db
@pytest.mark.usefixtures("standing_clock")
@pytest.mark.parametrize(
    ("setting", "path", "policy"),
    [
        ("REQUESTS", "/orders/new", '"requests";q=0;w=300'),
        ("SIGNUPS", "/signups/new", '"signups";q=0;w=300'),
        ("MAILS", "/signups/new", '"mails";q=0;w=3600'),
        ("LOGINS", "/admin/login/", '"logins";q=0;w=300'),
    ],
)
def test_a_page_that_refuses_names_the_limit_that_was_reached(
    client: Client,
    no_sqs: None,
    settings: Settings,
    setting: str,
    path: str,
    policy: str,
) -> None:
    forms = {"/orders/new": order_form, "/signups/new": signup_form}
    form = forms[path](client) if path in forms else {}
    setattr(settings, f"RATE_LIMIT_{setting}", 0)
    answer = client.post(path, form)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert answer.headers["RateLimit-Policy"] == policy
    assert answer.headers["RateLimit"].startswith(policy.partition(";")[0] + ";r=0;t=")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "is_limited"),
    [
        ("/", True),
        ("/api/docs", True),
        ("/receipts/x/", True),
        ("/admin/login/", False),
        ("/static/x.css", False),
        ("/healthz", False),
        ("/metrics", False),
    ],
)
def test_staff_and_monitoring_are_not_counted(
    client: Client, settings: Settings, path: str, *, is_limited: bool
) -> None:
    settings.RATE_LIMIT_REQUESTS = 0
    answer = client.get(path)
    assert (answer.status_code == HTTPStatus.TOO_MANY_REQUESTS) is is_limited


@pytest.mark.parametrize("forwarded", ["unknown", "", ",", "2001:db8:1:2::7"])
def test_who_cannot_be_told_from_the_header_is_the_network_of_the_connection(
    settings: Settings, forwarded: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = 1
    headers = {"X-Forwarded-For": forwarded}
    request = RequestFactory(headers=headers, REMOTE_ADDR="2001:db8:1:2::9").get("/")
    assert client_of(request) == "2001:db8:1:2::/64"
