"""One Idempotency-Key for two contents, where no cache that processes share can tell.

Each 202 is stored, and no content takes the place of another.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from processing.events import envelope
from processing.models import SpooledEvent
from tests.builders import order_data
from tests.intake.clients import post

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


@pytest.fixture(autouse=True)
def _no_shared_cache(settings: Settings) -> None:
    """What one web process remembers, the other does not know."""
    dummy = "django.core.cache.backends.dummy.DummyCache"
    settings.CACHES = {"default": {"BACKEND": dummy}}


def single(body: dict[str, Any], key: str) -> Any:
    return post(Client(), "/api/orders", body, **{"Idempotency-Key": key}).status_code


def batched(body: dict[str, Any], key: str) -> Any:
    event = {"type": "order_created", "data": body, "key": key}
    answer = post(Client(), "/api/batches", {"events": [event]})
    return answer.json()["results"][0]["status"]


def at_once(send: Any, bodies: list[dict[str, Any]], key: str) -> list[int]:
    def send_one(body: dict[str, Any]) -> Any:
        try:
            return send(body, key)
        finally:
            connection.close()  # this thread's own

    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(send_one, bodies))


@pytest.mark.parametrize("send", [single, batched])
def test_while_sqs_is_away_each_accepted_content_is_stored_and_the_others_refused(
    no_sqs: None, send: Any
) -> None:
    accepted = set()
    for number in range(ROUNDS):
        bodies = [order_data() for _ in range(4)]
        statuses = at_once(send, bodies, f"one-key-for-all-{number}")
        assert sorted(statuses) == [202, 422, 422, 422]
        accepted.add(bodies[statuses.index(202)]["order_id"])
    assert {
        json.loads(row.body)["data"]["order_id"] for row in SpooledEvent.objects.all()
    } == accepted


@pytest.mark.parametrize("send", [single, batched])
def test_a_repetition_is_the_same_request_whichever_process_takes_it(
    no_sqs: None, send: Any
) -> None:
    body = order_data()
    assert at_once(send, [body] * 4, "the-same-key-again") == [202] * 4
    row = SpooledEvent.objects.get()
    assert envelope.parse(row.body, fallback_id="").data.reference == body["order_id"]


def test_a_content_that_a_batch_may_not_store_is_refused_and_the_others_are_taken(
    no_sqs: None,
) -> None:
    key = "used-for-something-else"
    single(order_data(), key)
    answer = post(
        Client(),
        "/api/batches",
        {
            "events": [
                {"type": "order_created", "data": order_data()},
                {"type": "order_created", "data": order_data(), "key": key},
                {"type": "order_created", "data": order_data()},
            ]
        },
    )
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [202, 422, 202]
    assert "key of its own" in results[1]["problem"]["detail"]
    assert answer.status_code == HTTPStatus.MULTI_STATUS
    assert SpooledEvent.objects.count() == 3
