"""API keys of producers, at every endpoint that takes something."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from intake.checks import keys_are_encrypted
from intake.keys import known_keys
from intake.keys.known_keys import KnownKeys
from intake.models import ApiKey, KeyExistsError
from processing.events.contracts import ACCEPTED_FROM_ANYONE
from tests.builders import order_data
from tests.intake.clients import post
from tests.intake.endpoints import SIGNUP, STATUS, TAKING, body_of
from tests.intake.public_pages import queued, signup_form

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("standing_clock")]
Endpoint = tuple[str, str]
JSON = "application/json"
every_taking = pytest.mark.parametrize("endpoint", TAKING, ids=lambda one: one[1])
WAYS: dict[str, Callable[[str], dict[str, str]]] = {
    "bearer": lambda key: {"Authorization": f"Bearer {key}"},
    "lower case": lambda key: {"authorization": f"bearer  {key} "},
    "own header": lambda key: {"X-API-Key": key},
    "behind a proxy": lambda key: {"X-API-Key": key, "Authorization": "Basic eA=="},
}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> KnownKeys:
    """Those of this process, which look when the test says so."""
    keys = KnownKeys()
    monkeypatch.setattr(known_keys, "_known", keys)
    return keys


@pytest.fixture
def required(settings: Settings, known: KnownKeys) -> KnownKeys:
    settings.API_KEYS = "required"
    known.look()
    return known


def made(*scopes: str, producer: str = "Shop", **more: Any) -> str:
    _, text = ApiKey.make(
        producer, list(scopes or ACCEPTED_FROM_ANYONE), more.get("until")
    )
    return text


def call(endpoint: Endpoint, **headers: str) -> Any:
    return Client().generic(*endpoint, body_of(endpoint), JSON, headers=headers)


def assert_refused(answer: Any, status: int, challenge: str = "") -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert challenge in answer.headers.get("WWW-Authenticate", "")
    assert bool(challenge) == ("WWW-Authenticate" in answer.headers)


def accepted(answer: Any) -> bool:
    if answer.status_code == HTTPStatus.MULTI_STATUS:
        return bool(answer.json()["accepted"] == 1)
    return bool(answer.status_code == HTTPStatus.ACCEPTED)


# -- Who may send -------------------------------------------------------------------
@every_taking
def test_where_keys_are_required_nothing_is_taken_without_one(
    required: KnownKeys, no_sqs: None, endpoint: Endpoint
) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
        answer = call(endpoint, **headers)
        assert_refused(answer, HTTPStatus.UNAUTHORIZED, "Bearer")
        assert "X-API-Key" in answer.json()["detail"] or "Bearer" in headers.values()


@every_taking
@pytest.mark.parametrize("way", WAYS)
def test_a_valid_key_is_taken_whichever_way_it_comes(
    required: KnownKeys, sqs: None, endpoint: Endpoint, way: str
) -> None:
    key = made()
    required.look()
    assert accepted(call(endpoint, **WAYS[way](key)))


@every_taking
@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_key_that_is_wrong_is_refused(
    known: KnownKeys, settings: Settings, no_sqs: None, endpoint: Endpoint, mode: str
) -> None:
    settings.API_KEYS = mode
    key = made()
    known.look()
    for wrong in (
        "",
        key[:-1],
        key + "x",
        key[3:],
        key.upper(),
        "hf_",
        "\xff",
        key * 90,
    ):
        answer = call(endpoint, **{"X-API-Key": wrong})
        assert_refused(answer, HTTPStatus.UNAUTHORIZED, 'error="invalid_token"')


@every_taking
def test_two_different_keys_are_refused_and_one_sent_twice_is_taken(
    required: KnownKeys, sqs: None, endpoint: Endpoint
) -> None:
    one, two = made(producer="A"), made(producer="B")
    required.look()
    for other in (two, "wrong", ""):
        both = {"X-API-Key": one, "Authorization": f"Bearer {other}"}
        assert_refused(call(endpoint, **both), HTTPStatus.UNAUTHORIZED, "Bearer")
        swapped = {"X-API-Key": other, "Authorization": f"Bearer {one}"}
        assert_refused(call(endpoint, **swapped), HTTPStatus.UNAUTHORIZED, "Bearer")
    twice = {"X-API-Key": one, "Authorization": f"Bearer {one}"}
    assert accepted(call(endpoint, **twice))


@every_taking
def test_where_keys_are_optional_a_call_without_one_is_taken(
    known: KnownKeys, settings: Settings, sqs: None, endpoint: Endpoint
) -> None:
    settings.API_KEYS = "optional"
    assert accepted(call(endpoint))
    assert accepted(call(endpoint, Authorization="Basic eDp5"))


@every_taking
def test_where_keys_are_off_none_is_looked_at(
    known: KnownKeys, sqs: None, endpoint: Endpoint
) -> None:
    assert accepted(call(endpoint, **{"X-API-Key": "wrong"}))


def test_pages_documents_and_statuses_ask_for_no_key(
    required: KnownKeys, sqs: None, client: Client
) -> None:
    for path in (STATUS, "/api/docs", "/api/openapi.json", "/orders/new"):
        assert client.get(path, follow=True).status_code == HTTPStatus.OK
    assert client.get(STATUS, headers={"X-API-Key": "wrong"}).status_code == 200
    answer = client.post("/signups/new", signup_form(client))
    assert answer.status_code == HTTPStatus.FOUND or answer.status_code == 303


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/api/orders"), ("POST", "/api/x")]
)
def test_addresses_that_take_nothing_are_told_to_nobody_without_a_key(
    required: KnownKeys, method: str, path: str
) -> None:
    assert_refused(Client().generic(method, path), HTTPStatus.UNAUTHORIZED, "Bearer")


# -- Scopes -------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ACCEPTED_FROM_ANYONE)
@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_key_sends_what_is_in_its_scope_and_nothing_else(
    known: KnownKeys, settings: Settings, sqs: None, scope: str, mode: str
) -> None:
    settings.API_KEYS = mode
    own = {"X-API-Key": made(scope)}
    known.look()
    batch = [
        {"type": type, "data": one.example}
        for type, one in ACCEPTED_FROM_ANYONE.items()
    ]
    answer = post(Client(), "/api/batches", {"events": batch}, **own)
    results = zip(batch, answer.json()["results"], strict=True)
    assert {one["type"] for one, got in results if got["status"] == 202} == {scope}
    takers = {
        "order_created": ("POST", "/api/orders"),
        "order_updated": ("PATCH", "/api/orders/ORD-7"),
        "signup_requested": ("POST", "/api/signups"),
    }
    for type, endpoint in takers.items():
        if type == scope:
            assert accepted(call(endpoint, **own))
            continue
        for body in (body_of(endpoint), b"{"):  # whatever it sends
            answer = Client().generic(*endpoint, body, JSON, headers=own)
            assert_refused(answer, HTTPStatus.FORBIDDEN, 'error="insufficient_scope"')
            assert type in answer.json()["detail"]
    queue = ACCEPTED_FROM_ANYONE[scope].queue
    assert len(queued(queue)) == 1 + (scope in takers)


def test_of_a_batch_only_what_is_in_scope_is_taken(
    required: KnownKeys, sqs: None
) -> None:
    own = {"X-API-Key": made("signup_requested")}
    required.look()
    events = [
        {"type": "order_created", "data": order_data()},
        {"type": "signup_requested", "data": SIGNUP},
        {"type": "order_updated", "data": {}},
    ]
    answer = post(Client(), "/api/batches", {"events": events}, **own)
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [403, 202, 403]
    assert not queued("orders")
    assert len(queued("signups")) == 1


# -- The end of a key ---------------------------------------------------------------
def test_a_revoked_key_is_refused_after_the_next_look(
    required: KnownKeys, sqs: None
) -> None:
    endpoint = ("POST", "/api/signups")
    key, text = ApiKey.make("Shop", ["signup_requested"], None)
    required.look()
    assert accepted(call(endpoint, **{"X-API-Key": text}))
    assert key.revoke()
    assert not key.revoke()
    required.look()
    answer = call(endpoint, **{"X-API-Key": text})
    assert_refused(answer, HTTPStatus.UNAUTHORIZED, "invalid_token")


def test_a_key_expires_to_the_second_though_nobody_looks(
    required: KnownKeys, sqs: None
) -> None:
    endpoint = ("POST", "/api/signups")
    until = timezone.now() + timedelta(hours=1)
    own = {"X-API-Key": made(until=until)}
    required.look()
    with time_machine.travel(until - timedelta(seconds=1), tick=False):
        assert accepted(call(endpoint, **own))
    with time_machine.travel(until):
        assert_refused(call(endpoint, **own), 401, "invalid_token")


def test_two_keys_of_a_producer_are_valid_until_the_former_ends(
    required: KnownKeys, sqs: None
) -> None:
    endpoint = ("POST", "/api/signups")
    first, old = ApiKey.make("Shop", ["signup_requested"], None)
    second, new = first.follow(["signup_requested"], None, days=7)
    assert (second.producer, second.generation) == ("Shop", 2)
    required.look()
    for key in (old, new):
        assert accepted(call(endpoint, **{"X-API-Key": key}))
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1)):
        assert accepted(call(endpoint, **{"X-API-Key": new}))
        assert_refused(call(endpoint, **{"X-API-Key": old}), 401, "invalid_token")


def test_a_key_has_one_next_key_and_its_end_is_never_put_off() -> None:
    until = timezone.now() + timedelta(days=1)
    first, _ = ApiKey.make("Shop", ["order_created"], until)
    first.follow(["order_created"], None, days=7)
    first.refresh_from_db()
    assert first.expires_at == until
    with pytest.raises(KeyExistsError):
        first.follow(["order_created"], None, days=0)
    with pytest.raises(KeyExistsError):
        ApiKey.make("Shop", ["order_created"], None)
    first.refresh_from_db()
    assert first.expires_at == until


# -- Limits and the time of use -----------------------------------------------------
def test_a_producer_has_a_limit_of_its_own_over_all_keys_and_addresses(
    required: KnownKeys, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_KEY_REQUESTS, settings.RATE_LIMIT_REQUESTS = 3, 2
    endpoint = ("POST", "/api/orders")
    first, one = ApiKey.make("Shop", list(ACCEPTED_FROM_ANYONE), None)
    _, two = first.follow(list(ACCEPTED_FROM_ANYONE), None, days=7)
    other = made(producer="Other")
    required.look()
    sent = [call(endpoint, **{"X-API-Key": key}) for key in (one, two, one, two)]
    assert [answer.status_code for answer in sent] == [202, 202, 202, 429]
    assert sent[0].headers["RateLimit-Policy"] == '"keyed-requests";q=3;w=300'
    assert call(endpoint, **{"X-API-Key": other}).status_code == HTTPStatus.ACCEPTED
    wrong = [call(endpoint, **{"X-API-Key": "wrong"}).status_code for _ in "123"]
    assert wrong == [401, 401, 429]


def test_sign_ups_of_producers_at_one_address_are_counted_apart(
    required: KnownKeys, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_SIGNUPS = 1
    keys = [made(producer=name) for name in ("A", "B")]
    required.look()
    for path in ("/api/signups", "/api/batches"):
        sent = [call(("POST", path), **{"X-API-Key": key}) for key in keys]
        assert [accepted(answer) for answer in sent] == [path == "/api/signups"] * 2


def test_the_time_of_use_is_written_beside_requests_and_seldom(
    required: KnownKeys, sqs: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    endpoint = ("POST", "/api/orders")
    own = {"X-API-Key": made()}
    required.look()
    with time_machine.travel("2026-11-26T10:00:00Z", tick=False) as clock:
        with django_assert_num_queries(0):
            for _ in "123":
                assert accepted(call(endpoint, **own))
        required.look()
        first = ApiKey.objects.get().last_used_at
        assert first == timezone.now()
        clock.shift(59)
        call(endpoint, **own)
        with django_assert_num_queries(1):
            required.look()
        clock.shift(1)
        call(endpoint, **own)
        required.look()
        assert ApiKey.objects.get().last_used_at == first + timedelta(seconds=60)


# -- What is stored -----------------------------------------------------------------
def test_of_a_key_no_more_than_its_hash_and_its_beginning_is_stored() -> None:
    _, text = ApiKey.make("Shop", list(ACCEPTED_FROM_ANYONE), None)
    assert len(text) == len("hf_") + 43  # 256 bits
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM intake_apikey")
        stored = str(cursor.fetchall())
    assert text[:11] in stored
    assert text[:12] not in stored


@pytest.mark.parametrize(
    ("mode", "tls", "named"),
    [
        ("off", False, []),
        ("required", True, []),
        ("optional", False, ["intake.W005"]),
        ("required", False, ["intake.W005"]),
    ],
)
def test_keys_that_may_travel_unencrypted_are_named_at_deploy(
    settings: Settings, mode: str, tls: bool, named: list[str]
) -> None:
    settings.API_KEYS, settings.BEHIND_TLS = mode, tls
    assert [found.id for found in keys_are_encrypted()] == named
