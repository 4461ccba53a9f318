from http import HTTPStatus
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from intake.accept import accept_many
from processing.delivery import spool
from processing.events.envelope import Event
from processing.models import SpooledEvent
from processing.sqs import entries, publisher
from processing.sqs.batches import Sent
from processing.sqs.refusals import SendError
from tests.builders import order_created, order_data, signup_requested
from tests.intake.clients import KEY, post
from tests.intake.public_pages import queued
from tests.outages import away
from tests.processing.refused_entries import spoil


def order(key: str | None = None, **changes: Any) -> dict[str, Any]:
    event = {"type": "order_created", "data": order_data(**changes)}
    return {**event, "key": key} if key else event


def signup(email: str = "ada@example.com") -> dict[str, Any]:
    return {"type": "signup_requested", "data": {"email": email, "name": "Ada"}}


def send(client: Client, *events: Any) -> Any:
    answer = post(client, "/api/batches", {"events": events})
    assert answer.status_code == HTTPStatus.MULTI_STATUS
    return answer.json()


def statuses(body: Any) -> list[int]:
    return [result["status"] for result in body["results"]]


@pytest.mark.django_db
def test_each_event_has_its_own_result_in_order(
    client: Client, sqs: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    wrong = order(items=[])
    text = {"recipient": "eve@example.com", "subject": "Win", "body": "Click"}
    mail = {"type": "email_requested", "data": text}  # nobody sends mail through us
    with django_assert_num_queries(0):
        body = send(client, order(), wrong, signup(), mail, 7, {**order(), "x": 1})
    assert statuses(body) == [202, 400, 202, 400, 400, 400]
    assert (body["accepted"], body["refused"]) == (2, 4)
    problem = body["results"][1]["problem"]
    assert problem["errors"][0]["pointer"] == "#/events/1/data/items"
    (first,) = queued("orders")
    assert body["results"][0]["requestId"] == first.id
    assert len(queued("signups")) == 1
    status = client.get(body["results"][2]["statusUrl"])
    assert status.json()["state"] == "received"


def test_a_hundred_events_are_taken_and_one_more_is_not(
    client: Client, sqs: None
) -> None:
    assert send(client, *[order() for _ in range(100)])["accepted"] == 100
    answer = post(client, "/api/batches", {"events": [order()] * 101})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["errors"][0]["pointer"] == "#/events"


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}])
def test_what_is_not_a_batch_is_refused(client: Client, body: Any) -> None:
    assert post(client, "/api/batches", body).status_code == HTTPStatus.BAD_REQUEST


def test_a_key_makes_a_retry_the_same_request(client: Client, sqs: None) -> None:
    same = order(KEY)
    first, second = send(client, same), send(client, same)
    assert first["results"][0]["requestId"] == second["results"][0]["requestId"]


def test_a_key_for_two_different_requests_of_a_batch_is_a_conflict(
    client: Client, sqs: None
) -> None:
    same, other = order(KEY), order(KEY)
    sent = (same, same, other, other, same, order("bad"))
    assert statuses(send(client, *sent)) == [202, 202, 409, 409, 202, 400]
    assert statuses(send(client, order(KEY))) == [422]


@pytest.mark.django_db
def test_with_sqs_away_the_whole_batch_is_spooled_after_one_try(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    publish_many = publisher.publish_many

    def counted(*sent: Any) -> Any:
        tries.append(1)
        return publish_many(*sent)

    monkeypatch.setattr(publisher, "publish_many", counted)
    assert send(client, *[order() for _ in range(35)])["accepted"] == 35
    assert SpooledEvent.objects.count() == 35
    assert len(tries) == 1


def test_events_of_one_queue_are_sent_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of SQS costs, and is for one queue."""
    calls: list[set[str]] = []

    def publish_many(events: list[Event], _: Any) -> list[Sent]:
        calls.append({one.queue for one in events})
        return [Sent(one) for one in events]

    monkeypatch.setattr(publisher, "publish_many", publish_many)
    signups = [signup_requested(email=f"a{n}@example.com") for n in range(10)]
    mixed = [one for event in signups for one in (event, order_created())]
    assert accept_many(mixed) == [None] * 20
    assert calls == [{"orders"}, {"signups"}]


def test_only_what_could_not_be_stored_is_refused(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_many = publisher.publish_many

    def partly(events: list[Event], beside: Any) -> list[Sent]:
        sent = publish_many(events[1:], beside[1:])
        error = SendError("InternalError")
        return [Sent(events[0], error=error), *sent]

    monkeypatch.setattr(publisher, "publish_many", partly)
    monkeypatch.setattr(spool, "add", away)
    assert statuses(send(client, order(), order(), order())) == [503, 202, 202]


def test_each_refusal_stands_at_the_event_that_it_is_of(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order in which their queues are served."""

    def no_room_for_signups(event: Event, refusal: str) -> None:
        if event.type == "signup_requested":
            raise OperationalError("no database")

    monkeypatch.setattr(spool, "add", no_room_for_signups)
    assert statuses(send(client, signup("a@b.co"), order())) == [503, 202]
    assert statuses(
        send(client, order(), signup("c@d.co"), order(), signup("e@f.co"), order())
    ) == [202, 503, 202, 503, 202]


@pytest.mark.django_db
def test_of_a_sign_up_and_an_order_the_one_that_sqs_refuses_is_spooled(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "POISON", whole=False)
    body = send(client, signup(), order(order_id="POISON"))
    assert statuses(body) == [202, 202]
    assert SpooledEvent.objects.get().request_id == body["results"][1]["requestId"]
    assert len(queued("signups")) == 1


def test_of_a_sign_up_and_an_order_the_one_that_no_queue_takes_is_refused(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "POISON", whole=True)
    body = send(client, signup(), order(order_id="POISON"))
    assert statuses(body) == [202, 400]
    assert len(queued("signups")) == 1


def test_what_is_too_large_is_refused_alone(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", 1_000)
    large = order(items=[{"sku": "S" * 60, "quantity": 1, "unit_price": "1.00"}] * 20)
    body = send(client, signup(), large, order())
    assert statuses(body) == [202, 413, 202]
    assert "bytes" in body["results"][1]["problem"]["detail"]
    (taken,) = queued("orders")
    assert taken.id == body["results"][2]["requestId"]
    assert len(queued("signups")) == 1


@pytest.mark.usefixtures("standing_clock")
def test_a_batch_does_not_go_round_the_limit_of_signups(
    client: Client, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_SIGNUPS = 2
    three = [signup(f"{name}@example.com") for name in "abc"]
    assert statuses(send(client, *three, order())) == [202, 202, 429, 202]


@pytest.mark.usefixtures("standing_clock")
def test_a_sign_up_that_is_too_large_costs_no_mail(
    client: Client, sqs: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMIT_MAILS = 1
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", 1_000)
    large = signup()
    large["data"]["name"] = "\U0001f600" * 200
    assert statuses(send(client, large, signup())) == [413, 202]
