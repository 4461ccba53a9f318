import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from intake import rate_limits, shared_cache
from intake.checks import cache_is_not_the_database, clients_are_told_apart
from intake.rate_limits import address_of, client_of
from processing.events.contracts import OrderCreated
from tests.builders import order_data
from tests.intake.clients import KEY, post
from tests.intake.public_pages import FORMS, order_form, queued, signup_form

pytestmark = pytest.mark.usefixtures("standing_clock")


def test_the_request_after_the_last_allowed_is_told_when_to_come_back(
    client: Client, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_REQUESTS = 3
    body, key = order_data(), {"Idempotency-Key": KEY}
    answers = [post(client, "/api/orders", body, **key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"requests";q=3;w=300'
    assert answers[2].headers["RateLimit"].startswith('"requests";r=0;t=')
    assert answers[3].headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 300
    other = Client(REMOTE_ADDR="203.0.113.9")
    assert post(other, "/api/orders", body).status_code == HTTPStatus.ACCEPTED


def test_2000_requests_in_five_minutes_are_allowed_by_default(
    settings: Settings,
) -> None:
    assert settings.RATE_LIMIT_REQUESTS == 2000


@pytest.mark.django_db
@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_came_too_soon_is_kept_and_can_be_sent_later(
    client: Client,
    sqs: None,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
    path: str,
) -> None:
    form = FORMS[path](client)
    settings.RATE_LIMIT_REQUESTS = 0
    with django_assert_num_queries(0):
        answer = client.post(path, form)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert answer.headers["Retry-After"]
    for name, value in form.items():
        hidden = f'<input type="hidden" name="{name}" value="{value}">'
        assert hidden in answer.content.decode()


@pytest.mark.parametrize("with_cookie", [True, False])
def test_send_it_again_works_once_the_time_is_over_and_brings_every_value(
    sqs: None, settings: Settings, with_cookie: bool
) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/orders/new", follow=True)
    form = order_form(client, **{"items-0-sku": "TEA/1"})
    form["csrfmiddlewaretoken"] = named(page, "csrfmiddlewaretoken")
    if not with_cookie:
        client.cookies.clear()
    settings.RATE_LIMIT_REQUESTS = 0
    for _ in "12":  # too soon again
        answer = client.post("/orders/new", form)
        assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        form = {name: named(answer, name) for name in form}
    settings.RATE_LIMIT_REQUESTS = 2000
    assert client.post("/orders/new", form).status_code == HTTPStatus.SEE_OTHER
    (event,) = queued("orders")
    assert isinstance(event.data, OrderCreated)
    assert event.data.items[0].sku == "TEA/1"


def named(page: Any, name: str) -> str:
    """The value of the one hidden field called *name*."""
    pattern = rf'<input type="hidden" name="{name}" value="([^"]*)">'
    (value,) = re.findall(pattern, page.content.decode())
    return html.unescape(value)


def test_whoever_only_looks_too_often_is_told_to_load_the_page_again(
    client: Client, settings: Settings
) -> None:
    settings.RATE_LIMIT_REQUESTS = 0
    page = client.get("/orders/new").content.decode()
    assert re.search(r"Wait \d+ seconds, then load this page again", page)
    assert "stored" not in page


def test_a_value_that_stood_twice_in_a_form_stands_twice_in_what_is_kept(
    client: Client, settings: Settings
) -> None:
    settings.RATE_LIMIT_REQUESTS = 0
    answer = client.post("/signups/new", {"name": ["Ada", "<b>Eve"]})
    assert 'name="name" value="Ada"' in answer.content.decode()
    assert 'name="name" value="&lt;b&gt;Eve"' in answer.content.decode()


@pytest.mark.parametrize("path", ["/verify/a-token/", "/demo/order", "/nowhere"])
def test_a_password_never_comes_back_in_a_page(
    client: Client, settings: Settings, path: str
) -> None:
    settings.RATE_LIMIT_REQUESTS = 0
    secret = "correct horse battery staple"
    typed = {"new_password1": secret, "new_password2": secret}
    answer = client.post(path, typed)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert "horse" not in answer.content.decode()
    assert "Go back" in answer.content.decode()


def test_signups_have_a_tighter_limit(client: Client, settings: Settings) -> None:
    settings.RATE_LIMIT_SIGNUPS = 0
    assert client.get("/signups/new", follow=True).status_code == HTTPStatus.OK
    form = signup_form(client)
    answer = client.post("/signups/new", form)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    answer = post(client, "/api/signups", {"email": "a@example.com", "name": "A"})
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS


@pytest.mark.parametrize("prefix", ["", "/shop"])
def test_each_sign_up_counts_below_a_prefix_too_and_shows_its_tighter_limit(
    client: Client, sqs: None, settings: Settings, prefix: str
) -> None:
    settings.RATE_LIMIT_SIGNUPS = 2
    form = signup_form(client)
    page = client.post("/signups/new", form, SCRIPT_NAME=prefix)
    assert page.headers["RateLimit-Policy"] == '"signups";q=2;w=300'
    assert page.headers["RateLimit"].startswith('"signups";r=1;t=')
    codes = []
    for name in ("Ada", "Eve"):
        body = json.dumps({"email": "ada@example.com", "name": name})
        codes.append(
            client.post(
                "/api/signups", body, "application/json", SCRIPT_NAME=prefix
            ).status_code
        )
    assert codes == [HTTPStatus.ACCEPTED, HTTPStatus.TOO_MANY_REQUESTS]


def test_one_mailbox_is_not_filled_whoever_asks(sqs: None, settings: Settings) -> None:
    settings.RATE_LIMIT_MAILS = 2
    codes = []
    for number in range(3):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        form = signup_form(client, name=f"Ada {number}")
        codes.append(client.post("/signups/new", form).status_code)
    assert codes == [303, 303, 429]
    assert len(queued("signups")) == 2


def test_a_repetition_costs_no_mail_and_is_never_too_much(
    client: Client, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_MAILS = 2
    form = signup_form(client)
    first = client.post("/signups/new", form)
    assert first.status_code == HTTPStatus.SEE_OTHER
    for _ in range(3):
        again = client.post("/signups/new", form)
        assert again.headers["Location"] == first.headers["Location"]
    other, third = signup_form(client, name="A"), signup_form(client, name="B")
    assert client.post("/signups/new", other).status_code == HTTPStatus.SEE_OTHER
    assert client.post("/signups/new", third).status_code == 429
    again = client.post("/signups/new", form)
    assert again.headers["Location"] == first.headers["Location"]
    refused = client.post("/signups/new", third)
    assert refused.status_code == HTTPStatus.TOO_MANY_REQUESTS, "nor is it accepted now"
    assert "this try was not stored" in refused.content.decode()


def test_a_repetition_by_key_costs_no_mail_alone_or_in_a_batch(
    client: Client, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_MAILS = 1
    settings.RATE_LIMIT_SIGNUPS = 4
    data = {"email": "ada@example.com", "name": "Ada"}
    batch = {"events": [{"type": "signup_requested", "data": data, "key": KEY}] * 2}
    for _ in "12":
        alone = post(client, "/api/signups", data, **{"Idempotency-Key": KEY})
        assert alone.status_code == HTTPStatus.ACCEPTED
        assert post(client, "/api/batches", batch).json()["accepted"] == 2
    other = {**data, "name": "Another"}
    answer = post(client, "/api/signups", other, **{"Idempotency-Key": f"{KEY}-2"})
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS


@pytest.mark.parametrize(("seconds", "status"), [(0, 429), (1, 202)])
def test_a_new_window_begins_for_all_at_once(
    sqs: None, client: Client, settings: Settings, seconds: int, status: int
) -> None:
    settings.RATE_LIMIT_REQUESTS = 1
    window = datetime(2026, 11, 20, 10, tzinfo=UTC)
    with time_machine.travel(window - timedelta(seconds=1), tick=False) as clock:
        first = post(client, "/api/orders", order_data())
        assert first.headers["RateLimit"] == '"requests";r=0;t=1'
        clock.shift(timedelta(seconds=seconds))
        assert post(client, "/api/orders", order_data()).status_code == status


def test_a_sign_up_that_was_too_much_is_counted_when_it_is_sent_again(
    sqs: None, client: Client, settings: Settings
) -> None:
    settings.RATE_LIMIT_MAILS = 1
    first, late, third = (signup_form(client, name=name) for name in "ABC")
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        assert client.post("/signups/new", first).status_code == 303
        assert client.post("/signups/new", late).status_code == 429
        clock.shift(timedelta(hours=1))
        assert client.post("/signups/new", late).status_code == 303
        assert client.post("/signups/new", third).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_ten_clicks_at_once_are_one_mail(sqs: None, settings: Settings) -> None:
    settings.RATE_LIMIT_MAILS = 1
    form = signup_form(Client())

    def click(_: int) -> int:
        try:
            return Client().post("/signups/new", form).status_code
        finally:
            connection.close()  # a thread's own, where it needed the spool

    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(click, range(10))) == {HTTPStatus.SEE_OTHER}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "client"),
    [
        (0, "198.51.100.7", "192.0.2.1"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
        (1, "", "192.0.2.1"),
        (3, "198.51.100.7", "198.51.100.7"),
        (1, "not an address", "192.0.2.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "198.51.100.7:5555", "198.51.100.7"),
        (1, "[2001:db8:1:2::1]:443", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        (1, "6.6.6.6 ,\t198.51.100.7 ", "198.51.100.7"),
        (1, '"[2001:db8:1:2::1]:443"', "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "::ffff:c633:6407", "198.51.100.7"),
        (1, "[::ffff:198.51.100.7]:80", "198.51.100.7"),
        (1, "64:ff9b::198.51.100.7", "198.51.100.7"),
        (1, "64:ff9b::1:c633:6407", "64:ff9b::/64"),
        (1, "2002:c633:6407:1::1", "198.51.100.7"),
        (1, "fe80::1%eth0", "fe80::/64"),
        (1, "198.51.100.7:", "198.51.100.7"),
        (1, "198.51.100.7:80:80", "192.0.2.1"),
        (1, "[2001:db8::1", "2001:db8::/64"),
        (1, "[2001:db8::1]x", "192.0.2.1"),
        (1, "[]", "192.0.2.1"),
        (1, "[", "192.0.2.1"),
        (1, ":", "192.0.2.1"),
        (1, ",", "192.0.2.1"),
        (1, "unknown", "192.0.2.1"),
        (1, "_hidden:80", "192.0.2.1"),
        (1, "for=198.51.100.7", "192.0.2.1"),
        (1, "198.51.100.007", "192.0.2.1"),
        (1, "3325256711", "192.0.2.1"),
        (1, "٣.2.3.4", "192.0.2.1"),
        (1, "1" * 9000, "192.0.2.1"),
    ],
)
def test_a_forwarded_address_is_believed_of_our_own_proxies_only(
    settings: Settings, proxies: int, forwarded: str, client: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory(headers=headers, REMOTE_ADDR="192.0.2.1").get("/")
    assert client_of(request) == client


@pytest.mark.parametrize(
    ("nearest", "client", "address"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64", "2001:db8:1:2::"),
        ("", "", None),
    ],
)
def test_the_address_of_a_connection_is_read_alike(
    nearest: str, client: str, address: str | None
) -> None:
    request = RequestFactory(REMOTE_ADDR=nearest).get("/")
    assert (client_of(request), address_of(request)) == (client, address)


def test_two_ipv4_clients_of_an_ipv6_socket_are_two(
    client: Client, settings: Settings
) -> None:
    settings.RATE_LIMIT_REQUESTS = 1
    first, second = (Client(REMOTE_ADDR=f"::ffff:192.0.2.{n}") for n in (1, 2))
    codes = [one.get("/").status_code for one in (first, second, first)]
    assert codes == [200, 200, 429]


def test_fifty_forged_addresses_are_one_client(
    client: Client, settings: Settings
) -> None:
    settings.RATE_LIMIT_REQUESTS = 49
    codes = [
        client.get("/", headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code
        for n in range(50)
    ]
    assert codes[-1] == HTTPStatus.TOO_MANY_REQUESTS


def test_a_cache_in_the_database_is_refused_at_start(settings: Settings) -> None:
    assert not cache_is_not_the_database()
    backend = "django.core.cache.backends.db.DatabaseCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "cache"}}
    assert cache_is_not_the_database()[0].id == "intake.E001"


def test_a_proxy_whose_clients_would_be_one_is_named_at_deploy(
    settings: Settings,
) -> None:
    settings.TRUSTED_PROXY_COUNT = 0
    for tls, site in ((True, "http://a.example"), (False, "https://a.example")):
        settings.BEHIND_TLS, settings.SITE_URL = tls, site
        assert [one.id for one in clients_are_told_apart()] == ["intake.E004"]
    settings.TRUSTED_PROXY_COUNT = 1
    assert clients_are_told_apart() == []


def test_a_repetition_that_comes_while_its_request_is_counted_is_free(
    settings: Settings,
) -> None:
    settings.RATE_LIMIT_MAILS = 1
    limit = rate_limits.mails()
    shared_cache.claim("spent/mails/r-1", "being counted", 60)
    for _ in range(3):
        rate_limits.spend_once(limit, "ada@example.com", "r-1")
    rate_limits.spend_once(limit, "ada@example.com", "r-2")
    rate_limits.spend_once(limit, "ada@example.com", "r-1")
    for request_id in ("r-3", "r-1"):  # that one may yet be refused
        with pytest.raises(rate_limits.RateLimitedError):
            rate_limits.spend_once(limit, "ada@example.com", request_id)
