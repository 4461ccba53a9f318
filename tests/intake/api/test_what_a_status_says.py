"""What an accepted request and its status tell, field by field."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from intake.keys import known_keys
from intake.keys.known_keys import KnownKeys
from processing.receipts import Receipt, State, Status
from tests.builders import order_data, order_updated
from tests.intake.clients import KEY, post
from tests.intake.endpoints import STATUS

TOLD = {
    "received": Status(State.RECEIVED),
    "tried again": Status(State.PROCESSING, attempt=3, reason="Not yet."),
    "under review": Status(State.UNDER_REVIEW),
    "done": Status(State.DONE, made={"order": "ORD-7"}),
    "stale": Status(State.STALE, attempt=2, reason="A later one."),
    "not accepted": Status(State.NOT_ACCEPTED, reason="No such order."),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_status_tells_what_the_receipt_does(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    status = TOLD[name]
    event = order_updated()
    monkeypatch.setattr(Receipt, "status", lambda _: status)
    answer = client.get(f"/api/requests/{Receipt.of(event).token}")
    assert answer.json() == {
        "requestId": event.id,
        "type": "order_updated",
        "state": status.state,
        "attempt": status.attempt,
        "final": status.final,
        "made": status.made,
        "reason": status.reason,
    }
    told = {name: answer.headers.get(name) for name in HEADERS}
    assert told == {**HEADERS, "Retry-After": None if status.final else "2"}


HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Retry-After": "2"}


@pytest.mark.parametrize("secure", [False, True])
def test_the_address_of_a_status_is_that_of_the_site_as_it_was_called(
    client: Client, sqs: None, *, secure: bool
) -> None:
    site = "https://testserver" if secure else "http://testserver"
    batch = {"events": [{"type": "order_created", "data": order_data()}]}
    alone: Any = client.post("/api/orders", order_data(), JSON, secure=secure).json()
    many: Any = client.post("/api/batches", batch, JSON, secure=secure).json()
    (one,) = many["results"]
    assert alone.keys() == {"message", "requestId", "statusUrl", "receivedAt"}
    assert one.keys() == {"status", "requestId", "statusUrl", "receivedAt"}
    for told in (alone, one):
        assert told["statusUrl"].startswith(f"{site}/api/requests/{told['requestId']}.")
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["receivedAt"]
        )


JSON = "application/json"


def test_each_repetition_gets_the_time_of_the_first(client: Client, sqs: None) -> None:
    body = order_data()
    answers = [
        post(client, "/api/orders", body, **{"Idempotency-Key": KEY}) for _ in "123"
    ]
    assert len({one.json()["receivedAt"] for one in answers}) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "status"), [("GET", 200), ("HEAD", 200), ("OPTIONS", 405), ("PUT", 401)]
)
def test_where_keys_are_required_reading_asks_for_none(
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    status: int,
) -> None:
    settings.API_KEYS = "required"
    known = KnownKeys()
    known.look()
    monkeypatch.setattr(known_keys, "_known", known)
    assert client.generic(method, STATUS).status_code == status


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/json", {}),
        ("application/json; charset=utf-8", {}),
        ("application/json; charset=UTF-8", {}),
        ('application/json; charset="utf8"', {}),
        ("Application/JSON", {}),
        ("application/json", {"Content-Encoding": "identity"}),
    ],
)
def test_json_is_taken_however_its_type_is_written(
    client: Client, sqs: None, content_type: str, headers: dict[str, str]
) -> None:
    sent = b'{"name": "Ada", "email": "ada@example.com"}'
    answer = client.generic("POST", "/api/signups", sent, content_type, headers=headers)
    assert answer.status_code == 202
