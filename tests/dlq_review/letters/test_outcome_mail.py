"""The receipt of a request under review, and the one mail on its outcome."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from dlq_review import tasks
from dlq_review.groups import triage
from dlq_review.letters import outcome_mail, revisions, settlement
from dlq_review.models import DeadLetter
from processing.delivery import processor, spool
from processing.events.contracts import SignupRequested
from processing.events.envelope import Event
from processing.models import OutcomeMail, SpooledEvent
from processing.receipts import Receipt
from processing.sqs import queues
from tests.builders import (
    dead_letter,
    order_created,
    order_updated,
    redrive_now,
    signup_requested,
)

pytestmark = pytest.mark.django_db


def address(event: Event) -> str:
    return f"/receipts/{Receipt.of(event).token}/"


def receipt(client: Client, event: Event) -> str:
    return client.get(address(event)).content.decode()


def waiting(**changes: Any) -> tuple[Event, DeadLetter]:
    event = order_created(order_id="ORD-7", **changes)
    return event, dead_letter(event)


def processed(letter: DeadLetter) -> None:
    redrive_now(letter, by="ada")
    for message in queues.receive("orders"):
        processor.handle(message)


def mails() -> list[dict[str, Any]]:
    bodies = SpooledEvent.objects.values_list("body", flat=True)
    return [json.loads(body)["data"] for body in bodies]


def test_the_receipt_says_since_when_which_order_and_whether_it_is_taken(
    client: Client,
) -> None:
    event, letter = waiting()
    text = receipt(client, event)
    assert "<dt>Order</dt><dd>ORD-7</dd>" in text
    assert "<dt>Since</dt>" in text
    assert "it waits for our staff" in text
    triage.acknowledge(letter.group, by="augusta")
    text = receipt(client, event)
    assert "somebody has taken it" in text
    for hidden in ("augusta", "example.com", "OrderExistsError"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("event", "offered"),
    [
        (order_created(), True),
        (signup_requested(), True),
        (order_updated(), False),  # which holds no address
    ],
    ids=["order", "sign-up", "change"],
)
def test_a_mail_is_offered_where_the_request_holds_an_address(
    client: Client, event: Event, offered: bool
) -> None:
    dead_letter(event)
    assert ("Mail me when this has ended" in receipt(client, event)) is offered
    client.post(address(event))
    assert OutcomeMail.objects.exists() is offered


def test_another_request_under_the_same_id_learns_nothing(client: Client) -> None:
    event, _ = waiting()
    other = order_created(id=event.id, order_id="ORD-8")
    text = receipt(client, other)
    assert "ORD-7" not in text
    assert "Mail me" not in text
    client.post(address(other))
    assert not OutcomeMail.objects.exists()


def signup_under(request_id: str) -> Event:
    wanted = SignupRequested.model_validate({"email": "eve@example.com", "name": "Eve"})
    return Event.new(wanted, id=request_id)


def test_two_requests_under_one_id_get_each_its_own_mail_and_not_the_others(
    client: Client,
) -> None:
    event, letter = waiting(email="ada@example.com")
    other = signup_under(event.id)
    dead_letter(other, queue="signups-dlq")
    for one in (event, other):
        assert "Mail me when this has ended" in receipt(client, one)
    client.post(address(event))
    assert "We send one mail" in receipt(client, event)
    assert "Mail me when this has ended" in receipt(client, other)
    settlement.discard(letter, by="ada", reason="x")
    outcome_mail.send()
    (asked,) = mails()
    assert asked["recipient"] == "ada@example.com"
    assert address(event) in asked["body"]


def test_the_other_request_under_an_id_can_ask_first(client: Client) -> None:
    event, letter = waiting(email="ada@example.com")
    other = signup_under(event.id)
    dead_letter(other, queue="signups-dlq")
    client.post(address(other))
    settlement.discard(letter, by="ada", reason="x")
    outcome_mail.send()
    (asked,) = mails()
    assert asked["recipient"] == "eve@example.com"
    assert "about order" not in asked["body"]


def test_the_mail_to_one_of_them_does_not_stand_for_the_mail_to_the_other(
    client: Client, sqs: None
) -> None:
    event, letter = waiting(email="ada@example.com")
    other = signup_under(event.id)
    second = dead_letter(other, queue="signups-dlq")
    for one, its in ((event, letter), (other, second)):
        client.post(address(one))
        settlement.discard(its, by="ada", reason="x")
        assert outcome_mail.send() == 1
        settlement.restore(its, by="ada", reason="x")
    assert spool.relay() == 2
    for message in queues.receive("emails"):
        processor.handle(message)
    assert sorted(one.to[0] for one in mail.outbox) == [
        "ada@example.com",
        "eve@example.com",
    ]


def test_the_wish_needs_the_token_of_the_form() -> None:
    event, _ = waiting()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(address(event)).status_code == 403
    assert not OutcomeMail.objects.exists()
    assert strict.post("/receipts/forged/").status_code in (403, 404)


def test_nothing_is_wished_for_what_is_not_under_review(client: Client) -> None:
    event = order_created()
    client.post(address(event))
    processor.process(event)
    client.post(address(event))
    assert not OutcomeMail.objects.exists()


def test_the_outcome_is_mailed_once_to_the_address_of_the_original(
    client: Client, sqs: None
) -> None:
    event, letter = waiting(email="ada@example.com")
    body = event.body.replace("ada@example.com", "eve@example.com")
    revisions.edit(letter, body, based_on=0, by="eve", reason="x")
    for _ in range(2):
        answer = client.post(address(event))
        assert answer.status_code == 303
    assert "We send one mail to the address in your request" in receipt(client, event)
    assert outcome_mail.send() == 0
    processed(letter)
    letter.correlation_id = "trace-1"
    letter.save()
    assert [outcome_mail.send(), outcome_mail.send()] == [1, 0]
    (asked,) = mails()
    body = SpooledEvent.objects.values_list("body", flat=True).get()
    assert json.loads(body)["correlation_id"] == "trace-1"
    assert asked["recipient"] == "ada@example.com"
    assert "It is done." in asked["body"]
    assert "ORD-7" in asked["body"]
    assert address(event) in asked["body"]
    assert spool.relay() == 1
    for message in queues.receive("emails"):
        processor.handle(message)
        processor.handle(message)
    assert [one.to for one in mail.outbox] == [["ada@example.com"]]


def test_a_discarded_request_is_told_of_too(client: Client) -> None:
    event, letter = waiting()
    client.post(address(event))
    settlement.discard(letter, by="ada", reason="a secret of ours")
    tasks.settle()
    (asked,) = mails()
    assert "It was not accepted" in asked["body"]
    assert "secret" not in asked["body"]


def test_a_crash_before_the_commit_loses_no_mail_and_sends_none_twice(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, letter = waiting()
    client.post(address(event))
    settlement.discard(letter, by="ada", reason="x")
    with monkeypatch.context() as broken:
        broken.setattr(QuerySet, "delete", _fails)
        with pytest.raises(ConnectionError):
            outcome_mail.send()
    assert mails() == []
    assert [outcome_mail.send(), outcome_mail.send()] == [1, 0]


def _fails(_: object) -> None:
    raise ConnectionError


def test_a_wish_without_a_body_is_given_up(client: Client) -> None:
    event, letter = waiting()
    client.post(address(event))
    settlement.discard(letter, by="ada", reason="x")
    letter.revisions.update(body="")
    assert outcome_mail.send() == 0
    assert not OutcomeMail.objects.exists()


def test_who_asked_first_is_answered_first_and_the_others_by_the_next_run(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome_mail, "MOST", 2)
    for number in range(3):
        event = order_created(email=f"n{number}@example.com")
        letter = dead_letter(event)
        client.post(address(event))
        settlement.discard(letter, by="ada", reason="x")
        at = timezone.now() - timedelta(minutes=number)
        OutcomeMail.objects.filter(pk=event.id).update(asked_at=at)
    assert outcome_mail.send() == 2
    told = {one["recipient"] for one in mails()}
    assert told == {"n2@example.com", "n1@example.com"}
    assert not SpooledEvent.objects.filter(cause="").exists(), "of which request"
    assert [outcome_mail.send(), outcome_mail.send()] == [1, 0]


def test_a_receipt_of_an_earlier_release_leads_to_the_first_body_of_its_request() -> (
    None
):
    event, letter = waiting(email="ada@example.com")
    dead_letter(signup_under(event.id), queue="signups-dlq")
    body = event.body.replace("ada@example.com", "eve@example.com")
    revisions.edit(letter, body, based_on=0, by="eve", reason="x")
    found = outcome_mail.original_of(event.id, "")
    assert found is not None
    assert (found.letter, found.number) == (letter, 0)
