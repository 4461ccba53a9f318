from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import Settings

from processing.delivery import processor, spool
from processing.models import Attempt, Order, SpooledEvent
from processing.sqs import queues
from tests.builders import order_data
from tests.intake.clients import KEY, post
from tests.intake.public_pages import queued
from tests.outages import away


def send(client: Client, body: Any, key: str = KEY) -> Any:
    return post(client, "/api/orders", body, **{"Idempotency-Key": key})


def test_a_replay_gets_the_first_answer_again_and_says_so(
    client: Client, sqs: None
) -> None:
    body = order_data()
    first = send(client, body)
    again = send(client, dict(reversed(body.items())), f'"{KEY}"')
    assert again.status_code == HTTPStatus.ACCEPTED
    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(queued("orders")) == 1


def test_the_same_key_with_another_body_is_refused(client: Client, sqs: None) -> None:
    send(client, order_data())
    answer = send(client, order_data())
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "key of its own" in answer.json()["detail"]
    assert len(queued("orders")) == 1


@pytest.mark.parametrize(("minutes", "replayed"), [(-1, True), (1, False)])
def test_a_key_is_remembered_for_a_day(
    client: Client, sqs: None, minutes: int, replayed: bool
) -> None:
    body = order_data()
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        send(client, body)
        clock.shift(timedelta(days=1, minutes=minutes))
        again = send(client, body)
    assert ("Idempotency-Replayed" in again.headers) is replayed


def test_a_request_that_was_refused_does_not_use_up_its_key(
    client: Client, sqs: None
) -> None:
    assert send(client, order_data(items=[])).status_code == HTTPStatus.BAD_REQUEST
    assert send(client, order_data()).status_code == HTTPStatus.ACCEPTED


@pytest.mark.django_db
def test_where_no_cache_knows_the_key_the_worker_refuses_the_other_body(
    client: Client, sqs: None
) -> None:
    for _ in "12":
        assert send(client, order_data()).status_code == HTTPStatus.ACCEPTED
        cache.clear()
    for message in queues.receive("orders"):
        processor.handle(message)
    assert Order.objects.count() == 1
    assert Attempt.objects.get().error_type == "RequestIdConflictError"


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_posts_of_one_key_are_one_request_with_one_effect(
    sqs: None,
) -> None:
    body = order_data()

    def send_once(_: int) -> Any:
        try:
            return send(Client(), body)
        finally:
            connection.close()  # a thread's own, where it needed the spool

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(send_once, range(50)))
    assert {answer.status_code for answer in answers} == {HTTPStatus.ACCEPTED}
    assert len({answer.json()["requestId"] for answer in answers}) == 1
    spool.relay()  # what a slow moment of this machine sent there
    while messages := queues.receive("orders"):
        for message in messages:
            processor.handle(message)
            queues.delete("orders", [message.receipt_handle])
    assert Order.objects.count() == 1
    assert not Attempt.objects.exists()


def test_a_cache_that_fails_stops_nothing(
    client: Client, sqs: None, settings: Settings
) -> None:
    broken = "tests.intake.broken_cache.BrokenCache"
    settings.CACHES = {"default": {"BACKEND": broken}}
    assert send(client, order_data()).status_code == HTTPStatus.ACCEPTED


@pytest.mark.django_db
def test_a_key_that_was_answered_503_is_not_taken_for_accepted(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = order_data()
    with monkeypatch.context() as outage:
        outage.setattr(spool, "add", away)
        statuses = [send(client, body).status_code for _ in "123"]
        batch = {"events": [{"type": "order_created", "data": body, "key": KEY}]}
        (result,) = post(client, "/api/batches", batch).json()["results"]
    assert [*statuses, result["status"]] == [HTTPStatus.SERVICE_UNAVAILABLE] * 4
    answer = send(client, body)
    assert answer.status_code == HTTPStatus.ACCEPTED
    assert "Idempotency-Replayed" not in answer.headers
    assert SpooledEvent.objects.get().request_id == answer.json()["requestId"]
