import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from intake import receipts
from intake.receipts import Receipt, State
from processing import services
from processing.models import Outcome, UnderReview
from tests.builders import failed_attempt, message, order_created

pytestmark = pytest.mark.django_db


def test_a_receipt_is_the_same_for_a_retry_and_says_nothing_of_the_person() -> None:
    event = order_created()
    token = Receipt.of(event).token
    assert token == Receipt.of(event).token
    assert Receipt.read(token) == Receipt.of(event)
    assert token == Receipt(event.id, event.type).token  # made of nothing else


def test_a_request_nobody_touched_yet_is_received() -> None:
    status = Receipt.of(order_created()).status()
    assert (status.state, status.final) == (State.RECEIVED, False)


def test_a_processed_request_is_done_and_says_what_was_made() -> None:
    event = order_created(order_id="ORD-7")
    services.handle(message(event))
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
    services.process(event)
    assert Receipt.of(event).status().state == State.DONE


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


def test_the_text_of_an_unforeseen_error_is_kept_from_the_receipt() -> None:
    event = order_created()
    failed_attempt(event, error_text="ada@example.com is a duplicate")
    Outcome.objects.create(request_id=event.id, kind="discarded", type=event.type)
    assert Receipt.of(event).status().reason == ""


def test_a_receipt_without_a_database_says_received(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(request_id: str) -> None:
        raise OperationalError("no database")

    monkeypatch.setattr(receipts, "_status", away)
    answer = client.get(f"/receipts/{Receipt.of(order_created()).token}/")
    assert answer.status_code == 200
    assert "Received" in answer.content.decode()


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


def test_a_tampered_receipt_is_not_found(client: Client) -> None:
    token = Receipt.of(order_created()).token
    other = order_created().id
    forged = other + token[len(other) :]
    assert client.get(f"/receipts/{token}/").status_code == 200
    assert client.get(f"/receipts/{forged}/").status_code == 404
    assert client.get(f"/api/requests/{forged}").status_code == 404
