"""A type is taken from its own queue only, or from where a redrive of ours sent it."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from dlq_review.letters import revisions
from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from dlq_review.redrive.sender import redrive_one
from dlq_review.redrive.terms import Redrive, Terms
from processing.delivery import processor
from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event
from processing.events.errors import PermanentError
from processing.models import Attempt, Order, Outcome
from processing.sqs import queues
from processing.sqs.message import Message
from processing.sqs.topology import QUEUES
from tests.builders import (
    dead_letter,
    message,
    order_created,
    redrive_now,
)

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = {
    type: Event.new(contract.model_validate(contract.example))
    for type, contract in CONTRACTS.items()
}
ELSEWHERE = [
    (type, queue)
    for type, event in EVENTS.items()
    for queue in QUEUES
    if queue != event.queue
]


@pytest.fixture
def elsewhere(settings: Settings) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups"]


def redriven_elsewhere(letter: DeadLetter) -> Message:
    redrive_one(Redrive(letter, letter.revision), Terms("ada", to="signups"))
    (sent,) = queues.receive("signups")
    return sent


@pytest.mark.parametrize(("type", "queue"), ELSEWHERE)
@pytest.mark.parametrize("redrive", ["", "{}", '{"dead_letter": 1, "redrive_id": "x"}'])
def test_a_type_is_refused_on_any_other_queue(
    sqs: None, mailoutbox: list[Any], type: str, queue: str, redrive: str
) -> None:
    attributes = {"redrive": redrive} if redrive else {}
    processor.handle(message(EVENTS[type], queue=queue, attributes=attributes))
    attempt = Attempt.objects.get()
    assert (attempt.error_type, attempt.permanent) == ("WrongQueueError", True)
    for word in (type, f"from the queue {queue}", EVENTS[type].queue, "discard"):
        assert word in attempt.error_text
    assert not Outcome.objects.exists()
    assert not mailoutbox
    assert queues.depth(f"{queue}-dlq").visible == 1


@pytest.mark.parametrize("type", EVENTS)
def test_the_sentence_says_whether_anybody_outside_may_send_the_type(type: str) -> None:
    told = str(processor.WrongQueueError(EVENTS[type], "jobs"))
    assert ("No public producer" in told) is (type == "email_requested")


def test_from_the_desk_it_goes_to_its_own_queue(sqs: None) -> None:
    event = order_created(order_id="ORD-1")
    processor.handle(message(event, queue="signups"))
    puller.pull(["signups-dlq"])
    letter = DeadLetter.objects.get()
    assert letter.state == "open"
    redrive_now(letter, by="ada")
    (sent,) = queues.receive("orders")
    processor.handle(sent)
    assert Order.objects.get().order_id == "ORD-1"


@pytest.mark.usefixtures("sqs", "elsewhere")
def test_where_we_redrove_it_to_it_is_taken() -> None:
    sent = redriven_elsewhere(dead_letter(order_created(order_id="ORD-1")))
    processor.handle(sent)
    assert Order.objects.get().order_id == "ORD-1"


def changed(sent: Message, **changes: Any) -> Message:
    fields = {name: getattr(sent, name) for name in Message.__dataclass_fields__}
    return Message(**{**fields, **changes})


def told(sent: Message, **changes: Any) -> dict[str, str]:
    return {"redrive": json.dumps(json.loads(sent.attributes["redrive"]) | changes)}


@pytest.mark.usefixtures("sqs", "elsewhere")
def test_what_we_did_not_redrive_there_is_refused_whatever_it_says() -> None:
    letter = dead_letter(order_created(order_id="ORD-1", id="r-1"))
    other = dead_letter(order_created(order_id="ORD-2", id="r-2"))
    sent = redriven_elsewhere(letter)
    forged = [
        changed(sent, queue="emails"),
        changed(sent, body=order_created(order_id="ORD-3", id="r-1").body),
        changed(sent, body=order_created(order_id="ORD-1", id="r-9").body),
        changed(sent, attributes={}),
        changed(sent, attributes=told(sent, dead_letter=other.pk)),
        changed(sent, attributes=told(sent, dead_letter=2**80)),
        changed(sent, attributes=told(sent, dead_letter=str(letter.pk))),
        changed(sent, attributes=told(sent, redrive_id="None")),
        changed(sent, attributes=told(sent, redrive_id=None)),
        changed(sent, attributes={"redrive": "[1]"}),
        changed(sent, attributes={"redrive": "not json"}),
    ]
    for one in forged:
        processor.handle(one)
    wrong = Attempt.objects.filter(error_type="WrongQueueError", permanent=True)
    assert wrong.count() == Attempt.objects.count() == len(forged)
    assert not Order.objects.exists()


def test_a_letter_that_was_never_redriven_vouches_for_nothing(sqs: None) -> None:
    letter = dead_letter(order_created(order_id="ORD-1"))
    redrive = json.dumps({"dead_letter": letter.pk, "redrive_id": "None"})
    body = letter.revisions.get().body
    processor.handle(message(body, queue="emails", attributes={"redrive": redrive}))
    assert not Order.objects.exists()


def edited_and_redriven(event: Event) -> Message:
    """A letter of *event*, edited to another customer and sent; as a worker gets it."""
    letter = dead_letter(event)
    body = event.body.replace("C-17", "C-18")
    revisions.edit(letter, body, based_on=0, by="ada", reason="moved")
    redrive_now(letter, by="ada")
    (sent,) = queues.receive(event.queue)
    return sent


def test_an_edited_revision_may_meet_the_claim_of_an_earlier_copy(sqs: None) -> None:
    event = order_created(order_id="ORD-1")
    sent = edited_and_redriven(event)
    processor.handle(message(event))
    processor.handle(sent)
    assert Order.objects.get().customer_id == "C-17"
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("redrive", ["{}", "true", '{"dead_letter": 1}'])
def test_a_stranger_cannot_hide_a_conflict_behind_a_redrive(
    sqs: None, redrive: str
) -> None:
    processor.handle(message(order_created(id="r-1")))
    copy = order_created(id="r-1", order_id="ORD-other")
    processor.handle(message(copy, attributes={"redrive": redrive}))
    assert Attempt.objects.get().error_type == "RequestIdConflictError"


@pytest.mark.parametrize("type", EVENTS)
def test_one_request_id_with_two_contents_is_a_conflict_for_every_type(
    sqs: None, type: str
) -> None:
    event = EVENTS[type]
    fingerprint = "0" * 64
    Outcome.objects.create(
        request_id=event.id, kind="processed", type=type, fingerprint=fingerprint
    )
    with pytest.raises(PermanentError, match="already used for another request"):
        processor.process(event)


@pytest.mark.parametrize("type", EVENTS)
def test_one_request_id_with_two_types_is_a_conflict(sqs: None, type: str) -> None:
    processor.process(order_created(id="r-1", order_id="ORD-1"))
    if type != "order_created":
        with pytest.raises(PermanentError, match="already used for another request"):
            processor.process(EVENTS[type].model_copy(update={"id": "r-1"}))
