import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from dlq_review.letters import revisions
from dlq_review.pull import puller
from processing import receipts
from processing.delivery import processor
from processing.models import Attempt, Outcome, Repair, UnderReview
from processing.receipts import Receipt, State
from processing.sqs import queues
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    redrive_now,
)
from tests.outages import away

pytestmark = pytest.mark.django_db


def test_a_receipt_is_the_same_for_a_retry_and_says_nothing_of_the_person() -> None:
    event = order_created()
    token = Receipt.of(event).token
    assert token == Receipt.of(event).token
    assert Receipt.read(token) == Receipt.of(event)
    piece = event.fingerprint[:16]
    assert token == Receipt(event.id, event.type, piece).token  # made of nothing else


def test_a_request_nobody_touched_yet_is_received() -> None:
    status = Receipt.of(order_created()).status()
    assert (status.state, status.final) == (State.RECEIVED, False)


def test_a_processed_request_is_done_and_says_what_was_made() -> None:
    event = order_created(order_id="ORD-7")
    processor.handle(message(event))
    status = Receipt.of(event).status()
    assert (status.state, status.made) == (State.DONE, {"order": "ORD-7"})
    assert status.final


def test_a_request_that_failed_once_is_processing_for_the_second_time() -> None:
    event = order_created()
    failed_attempt(event)
    status = Receipt.of(event).status()
    assert (status.state, status.attempt) == (State.PROCESSING, 2)


@pytest.mark.parametrize("why", [{"permanent": True}, {"receive_count": 3}])
def test_a_request_on_its_way_to_the_dlq_is_under_review(why: dict[str, int]) -> None:
    event = order_created()
    failed_attempt(event, **why)
    assert Receipt.of(event).status().state == State.UNDER_REVIEW


def test_a_request_at_the_triage_desk_is_under_review_until_it_is_processed() -> None:
    event = order_created()
    UnderReview.objects.create(request_id=event.id)
    assert Receipt.of(event).status().state == State.UNDER_REVIEW
    processor.process(event)
    assert Receipt.of(event).status().state == State.DONE


def test_a_review_began_when_the_desk_got_it_and_before_that_when_it_failed() -> None:
    event = order_created()
    failed_attempt(event, permanent=True)
    failed_at = Attempt.objects.get().started_at
    assert Receipt.of(event).status().since == failed_at
    row = UnderReview.objects.create(request_id=event.id)
    assert row.since > failed_at
    assert Receipt.of(event).status().since == row.since


def test_a_redriven_request_that_gives_up_again_is_under_review_again() -> None:
    event = order_created()
    failed_attempt(event, permanent=True)
    UnderReview.objects.create(request_id=event.id, sent_again_at=timezone.now())
    assert Receipt.of(event).status().state == State.PROCESSING
    failed_attempt(event, permanent=True)
    assert Receipt.of(event).status().state == State.UNDER_REVIEW


def test_a_discarded_request_is_not_accepted_and_says_why() -> None:
    event = order_created()
    failed_attempt(event, permanent=True, error_text="Another order has this id.")
    Outcome.objects.create(request_id=event.id, kind="discarded", type=event.type)
    status = Receipt.of(event).status()
    assert (status.state, status.final) == (State.NOT_ACCEPTED, True)
    assert status.reason == "Another order has this id."


def test_a_discarded_request_names_its_order_as_it_did_under_review(
    client: Client,
) -> None:
    event = order_created(order_id="ORD-7")
    dead_letter(event)
    review = Receipt.of(event).status().review
    assert review.order == "ORD-7"
    Outcome.objects.create(request_id=event.id, kind="discarded", type=event.type)
    status = Receipt.of(event).status()
    assert (status.state, status.review) == (State.NOT_ACCEPTED, review)
    page = client.get(f"/receipts/{Receipt.of(event).token}/").content.decode()
    assert "<dt>Order</dt><dd>ORD-7</dd>" in page


def test_the_text_of_an_unforeseen_error_is_kept_from_the_receipt() -> None:
    event = order_created()
    failed_attempt(event, error_text="ada@example.com is a duplicate")
    Outcome.objects.create(request_id=event.id, kind="discarded", type=event.type)
    assert Receipt.of(event).status().reason == ""


def test_a_receipt_without_a_database_says_received(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receipts, "_status", away)
    answer = client.get(f"/receipts/{Receipt.of(order_created()).token}/")
    assert answer.status_code == 200
    assert "Received" in answer.content.decode()
    assert "status_unknown=OperationalError" in caplog.text


@pytest.mark.parametrize("path", ["/receipts/{}/", "/api/requests/{}"])
def test_a_receipt_is_never_cached_or_indexed(client: Client, path: str) -> None:
    answer = client.get(path.format(Receipt.of(order_created()).token))
    assert "no-store" in answer.headers["Cache-Control"]
    assert "noindex" in answer.content.decode() + answer.headers.get("X-Robots-Tag", "")


@pytest.mark.parametrize("path", ["/receipts/{}/", "/api/requests/{}"])
@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "%00", "..%2f..%2fetc", "%ED%A0%80", "x" * 10_000]
)
def test_an_unknown_receipt_is_not_found(client: Client, path: str, token: str) -> None:
    assert client.get(path.format(token)).status_code == 404


@pytest.mark.parametrize("part", ["id", "type", "piece", "no piece", "signature"])
def test_a_tampered_receipt_is_not_found(client: Client, part: str) -> None:
    receipt, other = Receipt.of(order_created()), Receipt.of(order_created())
    token = receipt.token
    forged = {
        "id": token.replace(receipt.request_id, other.request_id),
        "type": token.replace("order_created", "order_updated"),
        "piece": token.replace(receipt.piece, other.piece),
        "no piece": token.replace(f"~{receipt.piece}", ""),
        "signature": token[:-1] + ("A" if token[-1] != "A" else "B"),
    }[part]
    assert forged != token
    assert client.get(f"/receipts/{token}/").status_code == 200
    assert client.get(f"/receipts/{forged}/").status_code == 404
    assert client.get(f"/api/requests/{forged}").status_code == 404


def test_a_receipt_of_an_earlier_release_still_tells_how_its_request_stands(
    client: Client,
) -> None:
    event = order_created(order_id="ORD-7")
    processor.handle(message(event))
    token = signing.Signer(salt="intake.receipt", sep=".").sign(
        f"{event.id}.order_created"
    )
    body = client.get(f"/api/requests/{token}").json()
    assert (body["requestId"], body["type"]) == (event.id, "order_created")
    assert (body["state"], body["made"]) == ("done", {"order": "ORD-7"})


def test_a_receipt_tells_of_its_own_content_where_another_used_its_request_id(
    client: Client, sqs: None
) -> None:
    first = order_created(id="r-1", order_id="ORD-1")
    second = order_created(id="r-1", order_id="ORD-2")
    assert Receipt.of(second).status().state == State.RECEIVED
    processor.handle(message(first))
    for _ in "12":  # before the second is delivered, and after
        status = Receipt.of(second).status()
        assert (status.state, status.final) == (State.NOT_ACCEPTED, True)
        assert "used for another request" in status.reason
        assert status.made == {}
        page = client.get(f"/receipts/{Receipt.of(second).token}/").content.decode()
        assert "ORD-1" not in page
        assert Receipt.of(first).status().made == {"order": "ORD-1"}
        processor.handle(message(second))
        puller.pull()


def test_a_receipt_is_done_when_its_request_was_processed_as_staff_edited_it(
    sqs: None,
) -> None:
    asked, other = order_created(id="r-1"), order_created(id="r-1")
    letter = dead_letter(asked)
    body = asked.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=0, by="ada", reason="sold out")
    redrive_now(letter, by="ada")
    (sent,) = queues.receive("orders")
    processor.handle(sent)
    assert Receipt.of(asked).status().state == State.DONE
    assert Receipt.of(other).status().state == State.NOT_ACCEPTED


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, State.DONE),
        ({"request_id": "r-2"}, State.NOT_ACCEPTED),
        ({"asked": "another"}, State.NOT_ACCEPTED),
        ({"became": "another"}, State.NOT_ACCEPTED),
    ],
    ids=["the edit", "of another request", "of another content", "not what was done"],
)
def test_only_the_edit_that_led_to_what_was_done_makes_a_receipt_done(
    changed: dict[str, str], state: State
) -> None:
    asked, edited = order_created(id="r-1"), order_created(id="r-1")
    edit = {"asked": asked.fingerprint, "became": edited.fingerprint}
    Repair.objects.create(**{"request_id": "r-1", **edit, **changed})
    processor.process(edited)
    assert Receipt.of(asked).status().state == state


def test_an_edit_of_the_second_content_of_a_request_is_no_edit_of_the_first(
    sqs: None,
) -> None:
    first, second = order_created(id="r-1"), order_created(id="r-1")
    dead_letter(first)
    letter = dead_letter(second)
    body = second.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=1, by="ada", reason="sold out")
    redrive_now(letter, by="ada")
    (sent,) = queues.receive("orders")
    processor.handle(sent)
    assert Receipt.of(first).status().state == State.NOT_ACCEPTED
    assert Receipt.of(second).status().state == State.DONE


def test_a_receipt_is_not_done_when_staff_sent_the_other_content_of_its_request(
    sqs: None,
) -> None:
    first, second = order_created(id="r-1"), order_created(id="r-1")
    dead_letter(first)
    letter = dead_letter(second)
    assert Receipt.of(first).status().state == State.UNDER_REVIEW
    revisions.put_back(letter, 0, by="ada", reason="the first one")
    redrive_now(letter, by="ada")
    (sent,) = queues.receive("orders")
    processor.handle(sent)
    assert Receipt.of(first).status().state == State.DONE
    assert Receipt.of(second).status().state == State.NOT_ACCEPTED
