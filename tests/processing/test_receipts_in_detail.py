"""What a receipt holds, when a mail may be asked for, and what is said of a wait."""

from datetime import timedelta

import pytest
from django.utils import timezone

from processing import receipts
from processing.database import patience
from processing.models import Outcome, OutcomeMail, UnderReview
from processing.receipts import Receipt, State, Status
from tests.builders import dead_letter, failed_attempt, order_created

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("id", ["r-1", "a.b", "order.created"])
@pytest.mark.parametrize("piece", ["", "0123456789abcdef"])
def test_a_receipt_is_read_as_it_was_written(id: str, piece: str) -> None:
    receipt = Receipt(id, "order_created", piece)
    assert Receipt.read(receipt.token) == receipt
    assert ("~" in receipt.token) is bool(piece)


def test_the_tables_are_asked_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float | None] = []

    def look(_: Receipt) -> Status:
        left.append(patience.of_this_process.left())
        return Status(State.RECEIVED)

    monkeypatch.setattr(receipts, "_status", look)
    Receipt.of(order_created()).status()
    assert 0 < (left[0] or 0) <= receipts.PATIENCE


def test_a_request_that_was_sent_again_is_processed_though_no_attempt_is_known() -> (
    None
):
    event = order_created()
    UnderReview.objects.create(request_id=event.id, sent_again_at=timezone.now())
    status = Receipt.of(event).status()
    assert (status.state, status.attempt) == (State.PROCESSING, 1)


@pytest.mark.parametrize(
    ("seconds", "state"), [(-1, "processing"), (0, "under_review")]
)
def test_a_failure_counts_from_the_moment_of_the_redrive_on(
    seconds: int, state: str
) -> None:
    event, now = order_created(), timezone.now()
    UnderReview.objects.create(request_id=event.id, sent_again_at=now)
    at = now + timedelta(seconds=seconds)
    failed_attempt(event, permanent=True, started_at=at)
    assert Receipt.of(event).status().state == state


def test_a_change_of_an_order_that_is_not_there_yet_says_so() -> None:
    event = order_created()
    failed_attempt(event, error_type="UnknownOrderError")
    status = Receipt.of(event).status()
    assert status.reason.startswith("We know no such order yet.")
    failed_attempt(event, error_type="OtherError")
    assert Receipt.of(event).status().reason == ""


def test_the_words_of_staff_for_the_sender_come_before_those_of_the_error() -> None:
    event = order_created()
    failed_attempt(event, permanent=True, error_text="Another order has this id.")
    made = {Outcome.MESSAGE_FOR_SENDER: "Please call us."}
    Outcome.objects.create(
        request_id=event.id, kind="discarded", type=event.type, made=made
    )
    assert Receipt.of(event).status().reason == "Please call us."


# -- The mail on the outcome -----------------------------------------------------------
def mails() -> list[tuple[str, str]]:
    return [*OutcomeMail.objects.values_list("request_id", "piece")]


def test_a_mail_is_asked_for_once_and_only_while_the_request_is_under_review() -> None:
    event = order_created()
    receipt = Receipt.of(event)
    receipt.ask_for_mail()
    failed_attempt(event)
    receipt.ask_for_mail()
    assert mails() == [], "neither while it waits nor while it is tried"
    dead_letter(event)
    assert not receipt.status().mail_asked
    for _ in "12":
        receipt.ask_for_mail()
    assert mails() == [(event.id, receipt.piece)]
    assert receipt.status().mail_asked


def test_no_mail_is_asked_for_where_there_is_no_address() -> None:
    letter = dead_letter("no event")
    Receipt(letter.request_id, "order_created").ask_for_mail()
    assert mails() == []


@pytest.mark.parametrize(
    ("piece", "asked"), [("mine", True), ("", True), ("another", False)]
)
def test_only_who_asked_is_told_of_the_mail(piece: str, *, asked: bool) -> None:
    event = order_created()
    receipt = Receipt.of(event)
    failed_attempt(event, permanent=True)
    OutcomeMail.objects.create(request_id="r-other", piece=receipt.piece)
    stored = receipt.piece if piece == "mine" else piece
    OutcomeMail.objects.create(request_id=event.id, piece=stored)
    assert receipt.status().mail_asked is asked
