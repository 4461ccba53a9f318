"""The sentence of each answer that refuses: what is wrong, and what to do."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.builders import order_data
from tests.intake.clients import send

ORDERS, BATCHES = "/api/orders", "/api/batches"
NO_OBJECT = "Send one JSON object, as in {...}."
TYPES = "Choose one of order_created, order_updated, order_returned, signup_requested."
KEY = (
    "Write the Idempotency-Key as 16 to 64 letters, digits, - or _; "
    "a random UUID is best."
)
JSON_ALONE = (
    "Send JSON: Content-Type: application/json, in UTF-8, without a Content-Encoding."
)
#: The path, the body, headers beside it, the status and the sentence.
REFUSED: list[tuple[str, Any, dict[str, str], int, str]] = [
    (ORDERS, b"", {}, 400, f"This request has no body. {NO_OBJECT}"),
    (ORDERS, [], {}, 400, NO_OBJECT),
    (ORDERS, b'"\xff"', {}, 400, "The text is not UTF-8."),
    (ORDERS, b"{", {}, 400, "Not JSON: Expecting property name enclosed in double quotes at line 1 column 2."),
    (ORDERS, b"[" * 32 + b"]" * 32, {}, 400, NO_OBJECT),
    (ORDERS, b"[" * 33 + b"]" * 33, {}, 400, "Nested more than 32 levels deep."),
    (ORDERS, b'{"a": NaN}', {}, 400, "NaN is not a JSON number."),
    (ORDERS, b"9" * 4301, {}, 400, "A number has too many digits."),
    (ORDERS, b'{"a": 1, "a": 2}', {}, 400, "The key 'a' stands twice in one object."),
    (ORDERS, {}, {"Content-Type": "text/plain"}, 415, JSON_ALONE),
    (ORDERS, {}, {"Content-Type": "application/json; charset=latin-1"}, 415, JSON_ALONE),
    (ORDERS, {}, {"Content-Encoding": "gzip"}, 415, JSON_ALONE),
    (ORDERS, {}, {"Idempotency-Key": "short"}, 400, KEY),
    (ORDERS, b" " * 5001, {}, 413, "The body has more than 5,000 bytes, which is the most. Send less at once."),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "headers", "status", "sentence"), REFUSED)
def test_a_request_that_cannot_be_read_is_told_why(
    client: Client,
    no_sqs: None,
    settings: Settings,
    path: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    sentence: str,
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5000
    answer = send(client, "POST", path, body, **headers)
    assert (answer.status_code, answer.json()["detail"]) == (status, sentence)


def of(type: str, **more: Any) -> dict[str, Any]:
    return {"type": type, "data": order_data(), **more}


IN_A_BATCH: list[tuple[Any, str, str]] = [
    (7, "#/events/0", 'Write an event as {"type": ..., "data": {...}}.'),
    ({"type": "order_created"}, "#/events/0", 'Write an event as {"type": ..., "data": {...}}.'),
    (of("order_created", b=1, a=1), "#/events/0/a", "There is no such field; remove it."),
    (of("email_requested"), "#/events/0/type", TYPES),
    ({"type": ["order_created"], "data": {}}, "#/events/0/type", TYPES),
]  # fmt: skip
"""An event of a batch, the pointer to what is wrong in it, and the sentence."""


@pytest.mark.parametrize(("event", "pointer", "sentence"), IN_A_BATCH)
def test_an_event_of_a_batch_is_told_why(
    client: Client, no_sqs: None, event: Any, pointer: str, sentence: str
) -> None:
    answer = send(client, "POST", BATCHES, {"events": [event]})
    (result,) = answer.json()["results"]
    assert result["problem"]["errors"] == [{"pointer": pointer, "detail": sentence}]


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer", "sentence"),
    [
        ("POST", BATCHES, {}, "#/events", "Give a list of 1 to 100 events."),
        ("POST", BATCHES, {"events": []}, "#/events", "Give a list of 1 to 100 events."),
        ("POST", BATCHES, {"events": [1] * 101}, "#/events", "Give a list of 1 to 100 events."),
        ("POST", BATCHES, {"events": [1], "a": 1}, "#", 'Give "events" and nothing beside it.'),
        ("PATCH", "/api/orders/ORD-1", {"order_id": "ORD-1"}, "#/order_id", "It stands in the address; leave it out here."),
    ],
)  # fmt: skip
def test_a_request_that_breaks_its_contract_is_told_where(
    client: Client,
    no_sqs: None,
    method: str,
    path: str,
    body: Any,
    pointer: str,
    sentence: str,
) -> None:
    answer = send(client, method, path, body).json()
    assert answer["detail"] == "The request does not keep to its contract; see errors."
    assert answer["errors"] == [{"pointer": pointer, "detail": sentence}]


AGAIN = "Something went wrong with us. Send it again with the same Idempotency-Key: it is not taken twice."


@pytest.mark.parametrize(
    ("method", "path", "headers", "title", "sentence"),
    [
        ("GET", "/api/x", {}, "Not Found", "There is nothing at this address; see /api/docs."),
        ("PUT", ORDERS, {}, "Method Not Allowed", "This address does not take this method; see Allow."),
        ("POST", ORDERS, {"Host": "evil.example"}, "Bad Request", "This is not a request we can read."),
        ("POST", ORDERS, {}, "Internal Server Error", AGAIN),
    ],
)  # fmt: skip
def test_what_no_endpoint_answers_is_told_as_a_problem(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    headers: dict[str, str],
    title: str,
    sentence: str,
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("intake.api.endpoints.accept", broken)
    client = Client(raise_request_exception=False)
    answer = send(client, method, path, order_data(), **headers)
    assert answer.json() == {
        "type": "about:blank",
        "title": title,
        "status": answer.status_code,
        "detail": sentence,
    }
