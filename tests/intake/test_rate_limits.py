from http import HTTPStatus

import pytest
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from intake.checks import cache_is_not_the_database, clients_are_told_apart
from intake.rate_limits import address_of, client_of
from tests.builders import order_data
from tests.intake.clients import KEY, post
from tests.intake.pages import order_form, queued, signup_form


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
def test_a_form_that_came_too_soon_is_kept_and_can_be_sent_later(
    client: Client,
    sqs: None,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    form = order_form(client)
    settings.RATE_LIMIT_REQUESTS = 0
    with django_assert_num_queries(0):
        answer = client.post("/orders/new", form)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert answer.headers["Retry-After"]
    for name, value in form.items():
        hidden = f'<input type="hidden" name="{name}" value="{value}">'
        assert hidden in answer.content.decode()


def test_signups_have_a_tighter_limit(client: Client, settings: Settings) -> None:
    settings.RATE_LIMIT_SIGNUPS = 0
    assert client.get("/signups/new", follow=True).status_code == HTTPStatus.OK
    form = signup_form(client)
    answer = client.post("/signups/new", form)
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
    answer = post(client, "/api/signups", {"email": "a@example.com", "name": "A"})
    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS


def test_one_mailbox_is_not_filled_whoever_asks(sqs: None, settings: Settings) -> None:
    settings.RATE_LIMIT_MAILS = 2
    codes = []
    for number in range(3):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        form = signup_form(client, name=f"Ada {number}")
        codes.append(client.post("/signups/new", form).status_code)
    assert codes == [303, 303, 429]
    assert len(queued("signups")) == 2


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
    settings.BEHIND_TLS, settings.TRUSTED_PROXY_COUNT = True, 0
    assert [one.id for one in clients_are_told_apart()] == ["intake.E004"]
    settings.TRUSTED_PROXY_COUNT = 1
    assert clients_are_told_apart() == []
