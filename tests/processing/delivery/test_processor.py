import json
import smtplib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings as all_settings
from django.core import mail
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from processing.delivery import attempts, processor, spool
from processing.events.attributes import RECEIPT, REDRIVE
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event, Identity
from processing.handlers import accounts, orders, registry
from processing.handlers.effect import BusinessRuleError
from processing.models import Attempt, Order, Outcome, SpooledEvent, User
from processing.sqs import publisher, queues
from tests.builders import message, order_created, order_updated, signup_requested
from tests.outages import away

pytestmark = pytest.mark.django_db


def test_an_event_takes_effect_and_its_outcome_says_what_it_made() -> None:
    event = order_created(order_id="ORD-1")
    processor.handle(message(event))
    outcome = Outcome.objects.get()
    assert (outcome.request_id, outcome.kind) == (event.id, "processed")
    assert outcome.made == {"order": "ORD-1"}
    assert outcome.correlation_id == event.correlation_id
    order = Order.objects.get()
    assert (str(order.total), order.items.count()) == ("9.00", 1)


def test_an_order_keeps_its_lines_in_order_and_every_cent() -> None:
    prices = ("0.01", "19.99", "0.25")
    items = [
        {"sku": f"TEA-{price}", "quantity": quantity, "unit_price": price}
        for quantity, price in enumerate(prices, start=1)
    ]
    processor.handle(message(order_created(items=items)))
    order = Order.objects.get()
    assert str(order.total) == "40.74"
    lines = order.items.values_list("line", "sku", "quantity", "unit_price")
    assert [(line, sku, number, str(price)) for line, sku, number, price in lines] == [
        (number, f"TEA-{price}", number, price)
        for number, price in enumerate(prices, start=1)
    ]


def test_the_same_event_twice_takes_effect_once() -> None:
    event = order_created()
    processor.handle(message(event))
    processor.handle(message(event))
    assert Order.objects.count() == 1
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("days", [1, 4, 14])
def test_a_copy_changes_nothing_however_late_it_comes(days: int) -> None:
    event = order_created()
    processor.handle(message(event))
    Order.objects.update(status="paid")
    with time_machine.travel(timezone.now() + timedelta(days=days)):
        processor.handle(message(event, receive_count=2))
    assert Order.objects.get().status == "paid"
    assert not Attempt.objects.exists()


def test_a_late_copy_of_a_discarded_request_does_nothing() -> None:
    event = order_created()
    Outcome.objects.create(request_id=event.id, kind="discarded", type=event.type)
    processor.handle(message(event))
    assert not Order.objects.exists()
    assert Outcome.objects.get().kind == "discarded"


def mail_requested(subject: str) -> Event:
    data = EmailRequested(recipient="ada@example.com", subject=subject, body="You")
    return Event.new(data)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (order_created(order_id="ORD-1"), order_created(order_id="ORD-2")),
        (order_updated(status="paid"), order_updated(status="shipped")),
        (signup_requested(), signup_requested(name="Eve")),
        (mail_requested("Hello"), mail_requested("Win")),
        (signup_requested(), mail_requested("Win")),
    ],
    ids=lambda event: event.type,
)
def test_a_request_id_used_for_another_request_is_a_conflict(
    sqs: None, first: Event, other: Event
) -> None:
    if first.type == "order_updated":
        processor.handle(message(order_created(order_id="ORD-1")))
    processor.handle(message(first))
    processor.handle(message(other.model_copy(update={"id": first.id})))
    assert Outcome.objects.get(pk=first.id).fingerprint == first.fingerprint
    assert Attempt.objects.get().error_type == "RequestIdConflictError"
    assert queues.depth(f"{other.queue}-dlq").visible == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('{"invalid_json": "this will cause a parsing error"', "UnreadableEventError"),
        ('{"type": "nope", "data": {}}', "UnknownEventTypeError"),
        ('{"type": "order_created", "data": {}}', "InvalidEventError"),
        ("plain text", "UnreadableEventError"),
        ("[]", "UnreadableEventError"),
    ],
)
def test_what_can_never_work_goes_to_the_dlq_at_once_with_the_reason(
    sqs: None, body: str, error: str
) -> None:
    original = message(body)
    processor.handle(original)
    (dead,) = queues.receive("orders-dlq")
    failure = json.loads(dead.attributes["failure"])
    assert dead.body == body
    assert (failure["error_type"], failure["request_id"]) == (error, original.id)
    attempt = Attempt.objects.get()
    assert attempt.permanent
    assert (attempt.error_type, attempt.request_id) == (error, original.id)


def test_a_reason_travels_with_a_text_that_is_not_endless(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(event: Event) -> Any:
        raise BusinessRuleError("no " * 5_000)

    monkeypatch.setitem(registry.HANDLERS, "order_created", refuse)
    processor.handle(message(order_created()))
    (dead,) = queues.receive("orders-dlq")
    told = json.loads(dead.attributes["failure"])["error_text"]
    assert len(told) == 2_000


def test_of_a_traceback_that_is_too_long_the_end_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(event: Event) -> Any:
        raise LookupError("no such shelf")

    monkeypatch.setattr(attempts, "LONGEST_TRACEBACK", 100)
    monkeypatch.setitem(registry.HANDLERS, "order_created", fail)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(message(order_created()))
    told = Attempt.objects.get().traceback
    assert (len(told), told[-13:]) == (100, "no such shelf")


def test_what_follows_was_accepted_from_nobody_and_has_no_receipt(sqs: None) -> None:
    processor.handle(message(signup_requested()))
    (mail_event,) = queues.receive("emails")
    assert "receipt" not in mail_event.attributes


def test_an_order_id_that_another_order_has_is_refused_not_skipped(sqs: None) -> None:
    processor.handle(message(order_created(order_id="ORD-1")))
    processor.handle(message(order_created(order_id="ORD-1", customer_id="C-2")))
    assert Attempt.objects.get().error_type == "OrderExistsError"
    assert Outcome.objects.count() == 1, "the claim of a refused event is rolled back"


def test_the_same_order_under_another_request_id_is_skipped() -> None:
    for request_id in ("r-1", "r-2"):
        processor.handle(message(order_created(id=request_id, order_id="ORD-1")))
    assert Order.objects.count() == 1
    assert Outcome.objects.count() == 2


def test_an_update_before_its_order_is_left_for_later() -> None:
    with pytest.raises(processor.RetryLaterError, match="UnknownOrderError"):
        processor.handle(message(order_updated(order_id="ORD-1"), receive_count=2))
    attempt = Attempt.objects.get()
    assert not attempt.permanent
    assert attempt.receive_count == 2
    assert attempt.place == "processing/handlers/orders.py:update_order"
    assert not Outcome.objects.exists()


def test_an_error_nobody_expected_is_transient_and_rolls_everything_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_after_the_effect(event: object) -> object:
        orders.create_order(event)  # type: ignore[arg-type]
        raise ZeroDivisionError("secret-canary")

    monkeypatch.setitem(registry.HANDLERS, "order_created", fail_after_the_effect)
    with pytest.raises(processor.RetryLaterError) as caught:
        processor.handle(message(order_created()))
    assert "secret-canary" not in repr(caught.value)
    assert not Order.objects.exists()
    assert not Outcome.objects.exists()
    assert Attempt.objects.get().error_text == "secret-canary"


@pytest.mark.django_db(transaction=True)
def test_a_time_limit_that_strikes_after_a_begin_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_interrupted(_: object) -> None:
        connection.cursor().execute("BEGIN")  # and Django has not noted it yet
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(processor, "_claim_and_take_effect", be_interrupted)
    with pytest.raises(processor.RetryLaterError, match="SoftTimeLimitExceeded"):
        processor.handle(message(order_created()))
    connection.close()  # an open transaction would be rolled back
    assert Attempt.objects.get().error_type == "SoftTimeLimitExceeded"


def test_follow_ups_that_cannot_be_published_wait_in_the_spool(no_sqs: None) -> None:
    processor.handle(message(signup_requested(), queue="signups"))
    assert User.objects.exists()
    assert SpooledEvent.objects.count() == 1


def test_a_crash_after_the_commit_publishes_the_follow_ups_at_the_next_delivery(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = signup_requested()

    def die(cause: str) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash, pytest.raises(KeyboardInterrupt):
        crash.setattr(spool, "send_follow_ups", die)
        processor.handle(message(event, queue="signups"))
    assert queues.depth("emails").visible == 0
    processor.handle(message(event, queue="signups"))
    assert queues.depth("emails").visible == 1
    assert not SpooledEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_follow_ups_are_sent_when_their_cause_is_committed_and_not_before(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncommitted = []
    publish_many = publisher.publish_many

    def look(events: Iterable[Event], *beside: Any) -> Any:
        with ThreadPoolExecutor(1) as other:
            uncommitted.append(other.submit(nothing_of_it).result())
        return publish_many(events, *beside)

    def nothing_of_it() -> bool:
        try:
            return not Outcome.objects.exists()
        finally:
            connection.close()

    monkeypatch.setattr(publisher, "publish_many", look)
    processor.handle(message(signup_requested()))
    assert uncommitted == [False]
    assert queues.depth("emails").visible == 1


def test_a_permanent_failure_that_cannot_reach_the_dlq_is_left_to_the_redrive_policy(
    no_sqs: None,
) -> None:
    with pytest.raises(processor.RetryLaterError, match="UnreadableEventError"):
        processor.handle(message("not json"))
    assert Attempt.objects.get().permanent


def test_an_attempt_that_cannot_be_recorded_does_not_hide_the_failure(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Attempt.objects, "create", away)
    processor.handle(message("not json"))
    assert queues.depth("orders-dlq").visible == 1
    assert "attempt_not_recorded=OperationalError" in caplog.text


def test_a_sign_up_makes_an_inactive_account_and_its_mail_holds_a_working_link(
    sqs: None,
) -> None:
    processor.handle(
        message(signup_requested(email="ada@example.com"), queue="signups")
    )
    user = User.objects.get()
    assert not user.is_active
    assert not user.has_usable_password()
    (request,) = queues.receive("emails")
    assert accounts.verification_token(str(user.pk)) not in request.body
    processor.handle(request)
    (sent,) = mail.outbox
    assert sent.to == ["ada@example.com"]
    token = sent.body.partition("/verify/")[2].split()[0].strip("/")
    assert accounts.verify(token, "correct horse battery") == user
    user.refresh_from_db()
    assert user.is_active
    assert user.check_password("correct horse battery")


def test_a_second_sign_up_with_the_address_writes_to_its_owner(sqs: None) -> None:
    processor.handle(message(signup_requested(), queue="signups"))
    queues.receive("emails")
    User.objects.update(verified_at="2026-11-20T10:00:00+00:00", is_active=True)
    processor.handle(message(signup_requested(name="Mallory"), queue="signups"))
    assert User.objects.get().name == "Ada"
    (request,) = queues.receive("emails")
    assert '"already_registered"' in request.body


def test_a_link_that_was_tampered_with_is_refused() -> None:
    with pytest.raises(accounts.BadLinkError):
        accounts.verify("1:abc:def", "correct horse battery")


def test_a_mail_with_a_line_break_in_its_subject_cannot_be_requested(sqs: None) -> None:
    body = json.dumps(
        {
            "type": "email_requested",
            "data": {"recipient": "a@b.co", "subject": "x\nBcc: y@z.co", "body": "b"},
        }
    )
    processor.handle(message(body, queue="emails"))
    assert not mail.outbox
    assert Attempt.objects.get().error_type == "InvalidEventError"


def test_a_recipient_refused_for_good_is_a_permanent_failure(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refuse(self: object) -> None:
        raise smtplib.SMTPRecipientsRefused({"a@b.co": (550, b"no such user")})

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)
    body = json.dumps(
        {
            "type": "email_requested",
            "data": {"recipient": "a@b.co", "subject": "s", "body": "b"},
        }
    )
    processor.handle(message(body, queue="emails"))
    assert Attempt.objects.get().error_type == "RecipientRefusedError"
    assert queues.depth("emails-dlq").visible == 1


def test_what_staff_redrove_is_refused_to_them_and_not_to_its_sender() -> None:
    beside = {**RECEIPT.texts, REDRIVE: "7"}
    change = message(order_updated(), receive_count=3, attributes=beside)
    with pytest.raises(processor.RetryLaterError, match="UnknownOrderError"):
        processor.handle(change)
    assert not Outcome.objects.exists()


def test_an_outcome_names_the_order_it_is_about() -> None:
    event = order_updated(order_id="ORD-7")
    processor.refuse(event, "No.")
    found = Outcome.objects.get()
    assert (found.order_id, found.correlation_id) == ("ORD-7", event.correlation_id)
    assert processor.claim_of(event).order_id == "ORD-7"


def test_an_event_without_a_time_has_that_of_its_message() -> None:
    sent_at = datetime(2026, 1, 2, tzinfo=UTC)
    fields = json.loads(order_created().body)
    del fields["timestamp"]
    processor.handle(message(json.dumps(fields), sent_at=sent_at))
    assert Order.objects.get().status_changed_at == sent_at


@pytest.mark.parametrize("redriven", [False, True])
def test_a_rule_of_the_database_that_an_effect_breaks_is_no_repetition(
    monkeypatch: pytest.MonkeyPatch, redriven: bool
) -> None:
    """Else the message would be deleted without an effect."""

    def break_a_rule(_: Any) -> None:
        raise IntegrityError

    monkeypatch.setitem(registry.HANDLERS, "order_created", break_a_rule)
    with pytest.raises(IntegrityError):
        processor.process(order_created(), redriven=redriven)
    assert not Outcome.objects.exists()


def test_a_refusal_stays_where_its_redrive_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()
    processor.refuse(event, "No.")
    monkeypatch.setitem(registry.HANDLERS, "order_created", away)
    with pytest.raises(OperationalError):
        processor.process(event, redriven=True)
    assert Outcome.objects.get().kind == Outcome.Kind.REFUSED


def test_the_reason_of_a_dead_letter_names_its_field_release_and_worker(
    settings: Settings,
) -> None:
    settings.RELEASE, settings.WORKER_NAME = "r9", "w-7"
    identity = Identity("r-1", "order_created", "ORD-1", "r-1")
    error = orders.OrderExistsError("x" * 100_000, field="order_id")
    told = processor.failure(identity, error)
    assert datetime.fromisoformat(told.pop("failed_at")).utcoffset() == timedelta()
    assert told == {
        "request_id": "r-1",
        "correlation_id": "r-1",  # it has none of its own
        "error_type": "OrderExistsError",
        "error_text": "x" * attempts.LONGEST_TEXT,
        "error_field": "data.order_id",
        "worker": "w-7",
        "release": "r9",
    }


def test_an_attempt_says_who_tried_when_and_for_how_long(settings: Settings) -> None:
    settings.RELEASE, settings.WORKER_NAME = "r9", "w-7"
    started_at = timezone.now() - timedelta(seconds=90)
    watch = attempts.Stopwatch(started_at, monotonic() - 90)
    identity = Identity("r-1", "t" * 300, "", "")
    attempts.record(message("x"), identity, ValueError("x"), watch, permanent=False)
    row = Attempt.objects.get()
    assert (row.worker, row.release, row.started_at) == ("w-7", "r9", started_at)
    assert 90_000 <= row.duration_ms < 150_000
    assert row.type == "t" * 100  # as much as the column holds


def fail_with(error: Exception, function: str) -> Exception:
    """*error*, raised by *function* of a file of ours."""
    source = f"def {function}(error):\n    raise error"
    names: dict[str, Any] = {}
    file = str(all_settings.BASE_DIR / "processing/rules.py")
    exec(compile(source, file, "exec"), names)  # noqa: S102 - source of this test
    with pytest.raises(type(error)) as caught:
        names[function](error)
    return caught.value


def test_an_attempt_of_any_length_fits_its_columns() -> None:
    error = fail_with(BusinessRuleError("x" * 9_999, field="f" * 300), "g" * 300)
    identity = Identity("r-1", "t" * 300, "", "")
    watch = attempts.Stopwatch()
    attempts.record(message("x"), identity, error, watch, permanent=True)
    row = Attempt.objects.get()
    row.full_clean()
    found = (row.type, row.place, row.error_field)
    assert tuple(map(len, found)) == (100, 200, 200)
    assert len(row.error_text) == attempts.LONGEST_TEXT


def test_an_attempt_holds_no_character_that_a_column_cannot_hold() -> None:
    error = fail_with(LookupError("a\x00b \ud83d c"), "look_up")
    watch = attempts.Stopwatch()
    attempts.record(
        message("x"), Identity("r-1", "t", "", ""), error, watch, permanent=False
    )
    row = Attempt.objects.get()
    assert row.error_text == "a\ufffdb ? c"
    assert row.traceback.endswith("LookupError: a\ufffdb ? c")
