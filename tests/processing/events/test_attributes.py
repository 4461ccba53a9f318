"""Attributes of producers keep their types and values, whoever sends the message on."""

import json
from typing import Any

import pytest
from django.urls import reverse

from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from processing.delivery import processor
from processing.events.attributes import Attributes, size
from processing.events.errors import PermanentError
from processing.handlers import registry
from processing.sqs import entries, publisher, queues
from tests.builders import dead_letter, failure, message, order_created, redrive_now

pytestmark = pytest.mark.django_db
TYPED: dict[str, Any] = {
    "signature": {"DataType": "Binary", "BinaryValue": b"\x00\xff\xfe="},
    "picture": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
    "weight": {"DataType": "Number", "StringValue": "1.50"},
    "price": {"DataType": "Number.eur", "StringValue": "007"},
    "note": {"DataType": "String.json", "StringValue": '{"a": "ü"}'},
    "failure": {"DataType": "String", "StringValue": "the producer's own"},
    "redrive": {"DataType": "Number", "StringValue": "3"},
}


def put(queue: str, body: str, attributes: dict[str, Any]) -> None:
    queues.client().send_message(
        QueueUrl=queues.url(queue), MessageBody=body, MessageAttributes=attributes
    )


def ten(**more: Any) -> dict[str, Any]:
    plain = {"DataType": "String", "StringValue": "x"}
    names = [f"a{number}" for number in range(10 - len(more))]
    return more | dict.fromkeys(names, plain)


def on_the_wire(queue: str) -> dict[str, Any]:
    """The attributes of the one message of *queue*, as SQS gives them."""
    answer = queues.client().receive_message(
        QueueUrl=queues.url(queue), MessageAttributeNames=["All"]
    )
    (one,) = answer["Messages"]
    return dict(one["MessageAttributes"])


def work(queue: str) -> None:
    (delivery,) = queues.receive(queue)
    processor.handle(delivery)


def pulled() -> DeadLetter:
    puller.pull()
    return DeadLetter.objects.get()


def repaired_and_sent(letter: DeadLetter) -> None:
    # What an edit leaves, which would need the desk's form.
    body = order_created(id=letter.request_id).body
    letter.revisions.update(body=body)
    DeadLetter.objects.update(type="order_created", state="open")
    letter.refresh_from_db()
    redrive_now(letter, by="ada")


@pytest.mark.parametrize("attributes", [TYPED, ten(**TYPED)])
def test_attributes_survive_a_dead_letter_and_its_redrive_as_they_were(
    sqs: None, attributes: dict[str, Any]
) -> None:
    put("orders", "not an event", attributes)
    work("orders")
    letter = pulled()
    assert letter.error_type == "UnreadableEventError"
    repaired_and_sent(letter)
    (delivery,) = queues.receive("orders")
    ours = delivery.beside.content_of("redrive")
    assert ours["redrive_id"] == str(letter.redrive_id)
    assert len(delivery.attributes) <= 10
    kept = delivery.beside.unpacked("redrive").wire
    assert {name: kept.get(name) for name in attributes} == attributes


def test_attributes_survive_failing_twice(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = ten(**TYPED)
    put("orders", "not an event", attributes)
    for _ in range(2):
        work("orders")
        repaired_and_sent(pulled())
        monkeypatch.setitem(registry.HANDLERS, "order_created", _refuse)
    (delivery,) = queues.receive("orders")
    kept = delivery.beside.unpacked("redrive").wire
    assert {name: kept.get(name) for name in attributes} == attributes


def _refuse(_: Any) -> Any:
    raise PermanentError("no")


def test_a_dead_letter_has_at_most_ten_attributes_and_says_the_rest(sqs: None) -> None:
    put("orders", "not an event", ten(**TYPED))
    work("orders")
    beside = on_the_wire("orders-dlq")
    assert len(beside) == 10
    told = json.loads(beside["failure"]["StringValue"])
    assert told["error_type"] == "UnreadableEventError"
    assert told["attributes"]["failure"] == "the producer's own"


def test_a_redrive_that_fails_is_still_known_as_ours_beside_ten_others(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("orders", "not an event", ten(zz={"DataType": "Number", "StringValue": "1"}))
    work("orders")
    repaired_and_sent(pulled())
    monkeypatch.setitem(registry.HANDLERS, "order_created", _refuse)
    work("orders")
    letter = pulled()
    assert (letter.state, letter.arrival_count, letter.failed_again) == (
        "open",
        2,
        True,
    )


def test_the_mark_of_a_redrive_never_travels_inside_the_reason_of_a_failure() -> None:
    mark = json.dumps({"redrive_id": "r-1"})
    beside = Attributes({**{f"a{n}": "x" for n in range(9)}, "redrive": mark})
    packed = beside.packed("failure", _reason())
    assert len(packed.texts) == 10
    assert packed.texts["redrive"] == mark
    assert packed.unpacked("failure") == beside


def test_an_attribute_of_a_producer_that_is_called_like_the_mark_is_not_preferred() -> (
    None
):
    beside = Attributes({**{f"a{n}": "x" for n in range(9)}, "redrive": "mine"})
    packed = beside.packed("failure", _reason())
    assert list(packed.texts) == [*(f"a{n}" for n in range(9)), "failure"]
    assert packed.unpacked("failure") == beside


def test_the_desk_shows_each_attribute_with_its_type(admin_client: Any) -> None:
    letter = dead_letter(
        attributes={"weight": "1.50", "signature": "AP/+PQ=="},
        types={"weight": "Number", "signature": "Binary"},
    )
    page = admin_client.post(
        reverse("admin:dlq_review_deadletter_reveal", args=[letter.pk])
    ).content.decode()
    assert "1.50 <small>Number</small>" in page
    assert "AP/+PQ== <small>Binary, base64</small>" in page


def test_what_a_curl_answer_says_is_read_like_what_boto3_says() -> None:
    by_curl = {"a": {"DataType": "Binary", "BinaryValue": "AP/+PQ=="}}
    by_boto3 = {"a": {"DataType": "Binary", "BinaryValue": b"\x00\xff\xfe="}}
    assert Attributes.received(by_curl) == Attributes.received(by_boto3)
    assert Attributes.received(by_curl).wire == by_boto3


@pytest.mark.parametrize("text", ["no base64", "A", "\ud800", "é"])
def test_a_binary_value_that_is_none_is_kept_as_text(text: str) -> None:
    assert Attributes({"a": text}, {"a": "Binary"}).wire == {
        "a": {"DataType": "String", "StringValue": text}
    }


@pytest.mark.parametrize(
    "told", ["7", "[]", "{}", '{"error_type": 1, "failed_at": 2}', "\ud800", "[" * 99]
)
def test_a_failure_that_no_worker_wrote_stays_the_producers(told: str) -> None:
    own = Attributes({"failure": told})
    assert own.content_of("failure") == {}
    assert own.unpacked("failure") == own


@pytest.mark.parametrize("inside", ["x", {"a": 1}, {"a": "b", "c": []}, [1]])
def test_what_a_forged_failure_holds_inside_stops_nobody(inside: Any) -> None:
    forged = failure(attributes=inside, attribute_types=inside, message_id=7)
    dead = message("x", attributes=forged)
    entry = entries.of_dead_letter(dead, {"error_type": "E", "failed_at": "now"})
    assert len(entry["MessageAttributes"]) <= 10


def test_the_size_of_an_attribute_is_its_name_its_type_and_its_value() -> None:
    assert size({"ä": {"DataType": "Number.x", "StringValue": "ö"}}) == 2 + 8 + 2
    assert size({"ab": {"DataType": "Binary", "BinaryValue": b"123"}}) == 2 + 6 + 3
    assert size({}) == 0


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_names_and_types_of_attributes_count_towards_the_size(
    spare: int, fits: bool
) -> None:
    event = order_created()
    entry = entries.of_event(
        event, Attributes({"n": "1"}, {"n": "Number.long"}), "orders"
    )
    named = ("type", "request_id", "correlation_id")
    beside = sum(len(name) + len("String") for name in named)
    beside += len("order_created") + 2 * len(event.id) + len("n" + "Number.long" + "1")
    entry["MessageBody"] = "x" * (1024 * 1024 - beside - spare)
    if fits:
        assert entries.check_size(entry) == 1024 * 1024
    else:
        with pytest.raises(entries.TooLargeError):
            entries.check_size(entry)


@pytest.mark.parametrize(("body", "longest"), [(1_000_000, 2000), (1_047_000, 200)])
def test_a_reason_is_shortened_until_it_fits_beside_a_large_body(
    sqs: None, body: int, longest: int
) -> None:
    dead = message("x" * body)
    publisher.dead_letter(dead, {**_reason(), "error_text": "y" * 2000})
    (arrived,) = queues.receive("orders-dlq")
    assert arrived.body == dead.body
    assert len(arrived.beside.content_of("failure")["error_text"]) == longest


def test_where_no_reason_fits_the_message_is_left_to_the_redrive_policy(
    sqs: None,
) -> None:
    dead = message("x" * 1024 * 1024)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(dead)
    assert queues.depth("orders-dlq").visible == 0
    letter = dead_letter(dead.body, id=dead.id)
    assert letter.error_type == "UnreadableEventError"


def _reason() -> dict[str, str]:
    return {"error_type": "E", "failed_at": "2026-11-20T10:00:00+00:00"}
