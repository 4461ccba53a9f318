"""Every error under /api/ is a problem document, whoever answers it."""

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from processing.events.errors import Problem
from tests.builders import order_data
from tests.intake.clients import post, send
from tests.intake.public_pages import queued


def assert_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]


@pytest.mark.parametrize(
    "path", ["/api", "/api/nothing", "/api/orders/", "/api/requests/x", "/api/requests"]
)
def test_an_unknown_address_is_a_problem(client: Client, path: str) -> None:
    answer = client.get(path, follow=True)
    assert_problem(answer, HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "TRACE", "HEAD", "OPTIONS"])
def test_another_method_is_not_allowed_and_does_nothing(
    client: Client, no_sqs: None, method: str
) -> None:
    answer = client.generic(method, "/api/orders")
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert answer.headers["Allow"] == "POST"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_host_that_is_not_ours_is_a_problem(client: Client) -> None:
    answer = client.get("/api/requests/x", headers={"Host": "evil.example"})
    assert_problem(answer, HTTPStatus.BAD_REQUEST)


def test_what_comes_for_a_host_that_is_not_ours_is_not_stored(
    client: Client, sqs: None
) -> None:
    answer = post(client, "/api/orders", order_data(), Host="evil.example")
    assert_problem(answer, HTTPStatus.BAD_REQUEST)
    assert not queued("orders")


def test_an_error_of_ours_is_a_problem_without_any_detail_of_it(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("intake.api.endpoints.accept", broken)
    client = Client(raise_request_exception=False)
    answer = post(client, "/api/orders", order_data())
    assert_problem(answer, HTTPStatus.INTERNAL_SERVER_ERROR)
    assert "secret" not in answer.content.decode()


def test_the_status_of_an_order_is_changed_by_patch(client: Client, sqs: None) -> None:
    body = {
        "customer_id": "C-17",
        "status": "paid",
        "changed_at": "2026-11-20T10:00:00Z",
    }
    answer = send(client, "PATCH", "/api/orders/ORD/7", body)
    assert answer.status_code == HTTPStatus.ACCEPTED
    assert_problem(
        send(client, "PATCH", "/api/orders/ORD-7", {**body, "order_id": "ORD-8"}), 400
    )
    del body["changed_at"]
    answer = send(client, "PATCH", "/api/orders/ORD-7", body)
    assert_problem(answer, HTTPStatus.BAD_REQUEST)
    assert answer.json()["errors"][0]["pointer"] == "#/changed_at"


def test_a_pointer_keeps_to_its_syntax_whatever_the_field_is_called() -> None:
    assert Problem("", "x").pointer == "#"
    assert Problem("items.0.sku", "x").pointer == "#/items/0/sku"


@pytest.mark.parametrize(
    ("key", "pointer"),
    [
        ("a/b", "#/a~1b"),
        ("a~b", "#/a~0b"),
        ("a~1b", "#/a~01b"),
        ("a.b", "#/a.b"),
        (".", "#/."),
        ("a.", "#/a."),
        ("", "#/"),
        ("a b", "#/a%20b"),
        ("a%25", "#/a%2525"),
        ('"#\\', "#/%22%23%5C"),
        ("\u00fc", "#/%C3%BC"),
        ("\ud83d", "#"),
        ("x" * 100, "#/" + "x" * 100),
        ("x" * 101, "#"),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_a_pointer_leads_to_the_key_that_is_wrong(
    client: Client, no_sqs: None, key: str, pointer: str, inside: bool
) -> None:
    wrong: dict[str, Any] = {key: 1}
    if inside:
        item = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.50", **wrong}
        wrong, pointer = {"items": [item]}, pointer.replace("#", "#/items/0", 1)
    answer = post(client, "/api/orders", order_data(**wrong))
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer


def test_in_a_batch_a_pointer_leads_through_the_batch(
    client: Client, no_sqs: None
) -> None:
    events = [
        {"type": "order_created", "data": order_data(**{"a.b": 1})},
        {"type": "order_created", "data": order_data(**{"": 1})},
        {"type": "order_created", "data": order_data(), "c.d": 1},
        7,
        {"type": "order_eaten", "data": order_data()},
        {"data": order_data()},
    ]
    answer = post(client, "/api/batches", {"events": events})
    pointers = [
        [error["pointer"] for error in result["problem"]["errors"]]
        for result in answer.json()["results"]
    ]
    assert pointers == [
        ["#/events/0/data/a.b"],
        ["#/events/1/data/"],
        ["#/events/2/c.d"],
        ["#/events/3"],
        ["#/events/4/type"],
        ["#/events/5/type"],
    ]


@pytest.mark.parametrize(("wrong", "listed"), [(49, 49), (50, 50), (51, 50), (999, 50)])
def test_an_answer_that_lists_some_errors_says_that_there_are_more(
    client: Client, no_sqs: None, wrong: int, listed: int
) -> None:
    body = order_data(**{f"x{number}": 1 for number in range(wrong)})
    answer = post(client, "/api/orders", body)
    assert len(answer.json()["errors"]) == listed
    assert ("the first 50" in answer.json()["detail"]) == (wrong > listed)
