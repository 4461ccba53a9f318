from http import HTTPStatus

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from processing.delivery import spool
from processing.models import SpooledEvent
from tests.builders import order_data
from tests.intake.clients import KEY, post, send
from tests.intake.endpoints import TAKING
from tests.intake.public_pages import queued
from tests.outages import away


@pytest.mark.django_db
def test_an_order_is_answered_202_with_where_to_look(
    client: Client, sqs: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = post(client, "/api/orders", order_data())
    body = answer.json()
    (event,) = queued("orders")
    assert answer.status_code == HTTPStatus.ACCEPTED
    assert body["message"] == "Request received. Processing in progress."
    assert body["requestId"] == event.id
    assert body["receivedAt"]
    assert answer.headers["Location"] == body["statusUrl"]
    assert answer.headers["Retry-After"] == "2"
    status = client.get(body["statusUrl"])
    assert status.json()["state"] == "received"
    assert status.headers["Retry-After"] == "2"


@pytest.mark.django_db
@pytest.mark.parametrize("endpoint", [one for one in TAKING if "batches" not in one[1]])
def test_the_headers_of_an_accepted_request_say_where_and_when_to_look(
    client: Client, sqs: None, endpoint: tuple[str, str]
) -> None:
    first, again = (
        send(client, *endpoint, TAKING[endpoint], **{"Idempotency-Key": KEY})
        for _ in "12"
    )
    for answer in (first, again):
        assert answer.status_code == HTTPStatus.ACCEPTED
        told = {
            "Content-Type": "application/json",
            "Location": answer.json()["statusUrl"],
            "Retry-After": "2",
            "Cache-Control": "no-store",
            "Content-Length": str(len(answer.content)),
        }
        assert {name: answer.headers.get(name) for name in told} == told
    assert first.headers.get("Idempotency-Replayed") is None
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json() == again.json()


def test_a_signup_is_accepted(client: Client, sqs: None) -> None:
    body = {"email": "Ada@Example.com", "name": "Ada"}
    assert post(client, "/api/signups", body).status_code == HTTPStatus.ACCEPTED
    (event,) = queued("signups")
    assert event.data.reference == "ada@example.com"


def test_a_retry_with_its_key_is_the_same_request_though_we_gave_the_order_id(
    client: Client, sqs: None
) -> None:
    body = order_data()
    del body["order_id"]
    for _ in "12":
        post(client, "/api/orders", body, **{"Idempotency-Key": KEY})
        cache.clear()  # another process, which knows nothing of the first
    first, second = queued("orders")
    assert (first.id, first.fingerprint) == (second.id, second.fingerprint)
    assert first.data.reference.startswith("ORD-")


def test_each_wrong_field_is_pointed_at(client: Client, no_sqs: None) -> None:
    body = order_data(items=[{"sku": "TEA-1", "quantity": 0}], surprise=1)
    answer = post(client, "/api/orders", body)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {"pointer": "#/items/0/quantity", "detail": "Write 1 or more."},
        {"pointer": "#/items/0/unit_price", "detail": "This field is required."},
        {"pointer": "#/surprise", "detail": "There is no such field; remove it."},
    ]


@pytest.mark.django_db
def test_the_spool_takes_over_when_sqs_is_away(client: Client, no_sqs: None) -> None:
    answer = post(client, "/api/orders", order_data())
    assert answer.status_code == HTTPStatus.ACCEPTED
    assert SpooledEvent.objects.count() == 1


def test_with_sqs_and_the_database_away_the_client_is_told_to_come_back(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "add", away)
    answer = post(client, "/api/orders", order_data())
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.headers["Retry-After"] == "30"
