"""Envelopes of AWS and others: what is read of each, and under which request id it stands."""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dlq_review.letters import revisions, settlement
from dlq_review.models import DeadLetter
from processing.delivery import processor
from processing.events import envelope
from processing.events.errors import EventError, InvalidEventError, UnreadableEventError
from processing.models import Order
from processing.sqs import queues
from tests.builders import dead_letter, message, order_data, redrive_now

WRONG = order_data(order_id="ORD-1", currency="euros")
RIGHT = order_data(order_id="ORD-1")
SENT = "2026-11-20T10:00:00Z"


def plain(data: Any, **changes: Any) -> dict[str, Any]:
    return {"id": "r-1", "type": "order_created", "data": data, **changes}


def cloud(data: Any, **changes: Any) -> dict[str, Any]:
    named = {"specversion": "1.0", "source": "/shop", "time": SENT}
    return {**named, "id": "1", "type": "shop.order_created", "data": data, **changes}


def bus(detail: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "com.example.order_created",
        "source": "shop",
        "time": SENT,
        "detail": detail,
        **changes,
    }


def topic(inside: Any, **changes: Any) -> dict[str, Any]:
    text = inside if isinstance(inside, str) else json.dumps(inside)
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-central-1:1:shop",
        "Message": text,
        "Timestamp": SENT,
        **changes,
    }


def unnamed(data: Any) -> dict[str, Any]:
    return {name: value for name, value in plain(data).items() if name != "id"}


ENVELOPES: dict[str, tuple[Any, str]] = {
    "plain": (plain, "r-1"),
    "plain with a byte order mark": (
        lambda data: "\ufeff" + json.dumps(plain(data)),
        "r-1",
    ),
    "CloudEvent": (cloud, "cloud"),
    "CloudEvent with a byte order mark": (
        lambda data: "\ufeff" + json.dumps(cloud(data)),
        "cloud",
    ),
    "EventBridge with data": (bus, bus({})["id"]),
    "EventBridge with an event": (lambda data: bus(plain(data)), "r-1"),
    "EventBridge with an event of no id": (
        lambda data: bus(unnamed(data)),
        bus({})["id"],
    ),
    "EventBridge with a CloudEvent": (lambda data: bus(cloud(data)), "cloud"),
    "SNS with an event": (lambda data: topic(plain(data)), "r-1"),
    "SNS with an event of no id": (
        lambda data: topic(unnamed(data)),
        topic({})["MessageId"],
    ),
    "SNS with a named event": (
        lambda data: topic(
            unnamed(data),
            MessageAttributes={"RequestId": {"Type": "String", "Value": "named"}},
        ),
        "named",
    ),
    "SNS with a CloudEvent": (lambda data: topic(cloud(data)), "cloud"),
    "SNS with EventBridge": (lambda data: topic(bus(data)), bus({})["id"]),
    "SNS with a byte order mark inside": (
        lambda data: topic("\ufeff" + json.dumps(plain(data))),
        "r-1",
    ),
}


def enveloped(name: str, data: Any) -> tuple[str, str]:
    """The body, and the request id that it stands under."""
    wrap, id = ENVELOPES[name]
    body = wrap(data)
    if id == "cloud":
        id = envelope.parse(json.dumps(cloud(RIGHT)), fallback_id="x").id
    return body if isinstance(body, str) else json.dumps(body), id


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_event_is_read_in_any_envelope(name: str) -> None:
    body, id = enveloped(name, RIGHT)
    event = envelope.parse(body, fallback_id="m-1", sent_at=datetime.now(UTC))
    assert (event.id, event.type, event.correlation_id) == (id, "order_created", id)
    assert event.data.reference == "ORD-1"
    if not name.startswith("plain"):
        assert event.timestamp.isoformat() == "2026-11-20T10:00:00+00:00"


@pytest.mark.parametrize("name", ENVELOPES)
def test_what_is_wrong_inside_is_known_by_its_envelope(name: str) -> None:
    body, id = enveloped(name, WRONG)
    with pytest.raises(InvalidEventError) as caught:
        envelope.parse(body, fallback_id="m-1")
    assert caught.value.problems[0].field == "data.currency"
    known = envelope.identify(body, fallback_id="m-1")
    assert known == envelope.Identity(id, "order_created", "ORD-1", id, "C-17")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ENVELOPES)
def test_a_repaired_letter_keeps_its_request_id_and_a_correction_is_recognised(
    sqs: None, name: str
) -> None:
    body, id = enveloped(name, WRONG)
    processor.handle(message(body))
    (dead,) = queues.receive("orders-dlq")
    letter = dead_letter(dead.body, attributes=dead.attributes)
    assert (letter.request_id, letter.state) == (id, "open")
    repaired = body.replace("euros", "EUR")
    revisions.edit(letter, repaired, based_on=0, by="ada", reason="x")
    redrive_now(letter, by="ada")
    (delivery,) = queues.receive("orders")
    processor.handle(delivery)
    assert settlement.reconcile() == 1
    processor.handle(
        message(enveloped(name, RIGHT)[0])
    )  # the producer's own correction
    assert Order.objects.get().request_id == id
    assert DeadLetter.objects.get().state == "resolved"
    assert queues.receive("orders-dlq") == []


@pytest.mark.parametrize(
    ("body", "id"),
    [
        (json.dumps(cloud(RIGHT, specversion="0.3")), "cloud"),
        (json.dumps(cloud(RIGHT, datacontenttype="text/xml")), "cloud"),
        (json.dumps(cloud(RIGHT, type=7)), "cloud"),
        (json.dumps(topic(cloud(RIGHT, specversion="2"))), "cloud"),
        (json.dumps(plain(RIGHT))[:-1] + ', "data": {}}', "r-1"),
        (json.dumps(plain({**RIGHT, "total": float("nan")})), "r-1"),
        (json.dumps(plain({"total": 1})).replace("1}", "9" * 5000 + "}"), "r-1"),
        (json.dumps(plain({"note": "a"})).replace('"a"', '"a\tb"'), "r-1"),
        (json.dumps(plain("\ud800")), "r-1"),
        (json.dumps(topic("{")), topic({})["MessageId"]),
        (json.dumps(topic([])), topic({})["MessageId"]),
        (json.dumps(topic({}, Message=7)), topic({})["MessageId"]),
        (json.dumps(bus([])), bus({})["id"]),
        (json.dumps(bus({}, **{"detail-type": 7})), bus({})["id"]),
    ],
)
def test_who_it_is_is_read_where_the_rest_is_refused(body: str, id: str) -> None:
    with pytest.raises(EventError):
        envelope.parse(body, fallback_id="m-1")
    if id == "cloud":
        id = envelope.parse(json.dumps(cloud(RIGHT)), fallback_id="x").id
    assert envelope.identify(body, fallback_id="m-1").request_id == id


@pytest.mark.parametrize(
    "body",
    [
        '{"id": "r-1", "type": "order_created", "id": "r-2"}',
        '{"id": "r-1", "type": "order_created"',
        "\ufeff",
        "[" * 100_000,
        '{"id": ' * 50_000,
        json.dumps([plain(RIGHT)]),
        json.dumps(cloud(RIGHT, id=7)),
        json.dumps(cloud(RIGHT, source="")),
        json.dumps(bus(RIGHT, id=["x"])),
        json.dumps(topic({}, MessageId=None)),
        json.dumps(topic({}, MessageId="no id", MessageAttributes=[])),
        json.dumps(topic({}, MessageId={}, MessageAttributes={"RequestId": "x"})),
    ],
)
def test_nobody_is_guessed_where_nobody_is_named(body: str) -> None:
    with pytest.raises(EventError):
        envelope.parse(body, fallback_id="m-1")
    assert envelope.identify(body, fallback_id="m-1").request_id == "m-1"


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("{", "Not JSON"),
        ("[]", "not an object"),
        ("NaN", "NaN"),
        ('"x"', "not an object"),
    ],
)
def test_a_notification_says_what_is_wrong_with_its_message(
    inside: str, why: str
) -> None:
    with pytest.raises(UnreadableEventError) as caught:
        envelope.parse(json.dumps(topic(inside)), fallback_id="m-1")
    assert "Message of the SNS notification" in str(caught.value)
    assert why in str(caught.value)


@pytest.mark.parametrize("name", ["Type", "detail-type", "detail", "Message"])
def test_an_event_of_ours_is_never_taken_for_an_envelope(name: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        envelope.parse(
            json.dumps(plain(RIGHT, **{name: "Notification"})), fallback_id="m-1"
        )
    assert [one.field for one in caught.value.problems] == [name]


def test_envelopes_in_envelopes_are_not_opened_for_ever() -> None:
    body = json.dumps(plain(RIGHT))
    for _ in range(8):
        body = json.dumps(topic(body))
    with pytest.raises(UnreadableEventError):
        envelope.parse(body, fallback_id="m-1")
    detail: Any = RIGHT
    for _ in range(8):
        detail = bus(detail)
    with pytest.raises(EventError):
        envelope.parse(json.dumps(detail), fallback_id="m-1")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ENVELOPES)
@pytest.mark.parametrize("data", [WRONG, RIGHT], ids=["wrong", "right"])
def test_the_desk_shows_what_was_asked_in_any_envelope(
    admin_client: Client, name: str, data: Any
) -> None:
    letter = dead_letter(enveloped(name, data)[0])
    for page in ("change", "edit"):
        url = reverse(f"admin:dlq_review_deadletter_{page}", args=[letter.pk])
        answer = admin_client.get(url)
        assert answer.status_code == HTTPStatus.OK
        assert "ORD-1" in answer.content.decode()
    rehearsal = reverse("admin:dlq_review_deadletter_rehearse", args=[letter.pk])
    shown = admin_client.post(rehearsal).content.decode()
    assert ("data.currency" in shown) == (data is WRONG)
