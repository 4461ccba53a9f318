from typing import Any

import pytest
from django.core import mail
from django.test import Client

from dlq_review.letters import current_event, settlement
from dlq_review.letters.rehearsal import rehearse
from dlq_review.letters.timeline import STALE
from dlq_review.models import DeadLetter
from processing.delivery import processor
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.handlers import registry
from processing.handlers.effect import Effect
from processing.models import Order, Outcome, SpooledEvent, User
from tests.builders import (
    dead_letter,
    message,
    order_created,
    order_updated,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf

pytestmark = pytest.mark.django_db


def nothing_happened() -> bool:
    made = (Order, Outcome, SpooledEvent)
    return not any(model.objects.exists() for model in made) and mail.outbox == []


def test_a_rehearsal_tells_what_would_be_written_and_writes_nothing(
    no_sqs: None,
) -> None:
    letter = dead_letter(order_created(order_id="ORD-1"))
    rehearsal = rehearse(letter)
    assert rehearsal.error == ""
    assert sorted(rehearsal.rows) == ["1 order added", "1 order item added"]
    assert rehearsal.made == {"order": "ORD-1"}
    assert nothing_happened()
    letter.refresh_from_db()
    assert letter.state == "open"


def test_follow_ups_are_listed_and_not_sent(no_sqs: None) -> None:
    users = User.objects.count()
    rehearsal = rehearse(dead_letter(signup_requested(), queue="signups-dlq"))
    assert rehearsal.follow_ups == ["email_requested for a…@example.com"]
    rows, made = rehearsal.rows, rehearsal.made
    assert rehearsal.results == [
        *rows,
        *(f"{name} {value}" for name, value in made.items()),
        "then email_requested for a…@example.com",
    ]
    assert rows
    assert rehearsal.note == ""
    assert User.objects.count() == users
    assert nothing_happened()


def test_a_rehearsed_mail_is_not_sent() -> None:
    data = EmailRequested(recipient="a@example.com", subject="Hello", body="Text")
    rehearsal = rehearse(dead_letter(Event.new(data), queue="emails-dlq"))
    assert rehearsal.made == {"mail": "to …@example.com: •••"}
    assert nothing_happened()


def test_rows_are_counted_in_words() -> None:
    line = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.50"}
    rehearsal = rehearse(dead_letter(order_created(items=[line, line])))
    assert sorted(rehearsal.rows) == ["1 order added", "2 order items added"]


def test_only_rows_that_would_change_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    staff = User.objects.create(username="x")

    def handle(event: Event) -> Effect:
        User.objects.bulk_create(User(username=name) for name in "ab")
        User.objects.filter(username="nobody").update(first_name="y")
        Outcome.objects.filter(pk="none").update(order_id="y")
        User.objects.filter(pk=staff.pk).update(first_name="y")
        Outcome.objects.filter(pk="none").delete()
        return Effect()

    monkeypatch.setitem(registry.HANDLERS, "order_created", handle)
    found = rehearse(dead_letter())
    assert sorted(found.rows) == ["1 user changed", "2 users added"]
    assert (found.results, found.note) == (found.rows, "")
    assert set(User.objects.values_list("username", "first_name")) >= {("x", "")}


def test_a_change_of_an_order_is_told_with_its_state() -> None:
    processor.process(order_created(order_id="ORD-1"))
    found = rehearse(dead_letter(order_updated(status="paid")))
    assert found.made == {"order": "ORD-1", "status": "paid"}
    assert found.results == ["1 order changed", "order ORD-1", "status paid"]
    assert Order.objects.get().status != "paid"


def test_an_error_is_shown_with_its_traceback() -> None:
    rehearsal = rehearse(dead_letter(order_updated(order_id="ORD-none")))
    assert rehearsal.error.startswith("UnknownOrderError: There is no order")
    assert rehearsal.trace is not None
    assert any("update_order" in frame.where for frame in rehearsal.trace.frames)


def test_a_database_error_in_a_rehearsal_harms_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_a_rule(_: Any) -> None:
        User.objects.create(username="x", email="same@example.com")
        User.objects.create(username="y", email="same@example.com")

    monkeypatch.setitem(registry.HANDLERS, "order_created", break_a_rule)
    assert rehearse(dead_letter()).error.startswith("IntegrityError")
    assert not User.objects.filter(username="x").exists()


def test_what_was_processed_already_is_said_so() -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    assert "processed already" in rehearse(letter).note
    other = order_created(id=event.id)  # of another request that uses the same id
    assert "processed already" in rehearse(dead_letter(other)).note


def test_a_request_that_was_discarded_was_not_processed() -> None:
    event = order_created()
    first, second = dead_letter(event), dead_letter(event, queue="emails-dlq")
    settlement.discard(first, by="ada", reason="x")
    found = current_event.processed(second)
    assert (found.done, found.same) == (False, False)


def test_a_change_that_comes_too_late_is_said_to_change_nothing() -> None:
    processor.process(order_created(order_id="ORD-1"))
    later = order_updated(status="shipped", changed_at="2026-11-21T10:00:00+00:00")
    processor.process(later)
    rehearsal = rehearse(dead_letter(order_updated(status="paid")))
    assert (rehearsal.note, rehearsal.error) == (STALE, "")
    assert rehearsal.rows == []


def test_what_is_no_event_is_told_why() -> None:
    assert "Not JSON" in rehearse(dead_letter("nonsense")).error


def test_what_an_error_says_of_people_is_masked_in_its_traceback_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(event: Event) -> Any:
        raise ValueError("no room for Hopper")

    monkeypatch.setitem(registry.HANDLERS, "signup_requested", fail)
    event = signup_requested(name="Grace Hopper")
    rehearsal = rehearse(dead_letter(event, queue="signups-dlq"))
    assert rehearsal.trace is not None
    assert "no room for" in rehearsal.trace.error
    for told in (rehearsal.error, str(rehearsal.trace)):
        assert "Hopper" not in told


def rehearsed(client: Client, letter: DeadLetter, of_group: bool = False) -> str:
    url = f"/admin/dlq_review/deadletter/{letter.pk}/rehearse/"
    if of_group:
        url = f"/admin/dlq_review/failuregroup/{letter.group_id}/rehearse/"
    answer = client.post(url)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("of_group", [False, True])
def test_staff_rehearse_a_letter_and_a_sample_of_a_group(
    desk: Client, of_group: bool
) -> None:
    letter = dead_letter()
    text = rehearsed(desk, letter, of_group)
    said = "Rehearsed: 1 of 1" if of_group else f"Rehearsed {letter}: it"
    assert f"{said} would be processed" in text
    assert nothing_happened()


@pytest.mark.parametrize("model", ["deadletter", "failuregroup"])
def test_a_rehearsal_needs_a_post_and_the_permission(
    desk: Client, client_of: ClientOf, model: str
) -> None:
    letter = dead_letter()
    key = letter.pk if model == "deadletter" else letter.group_id
    url = f"/admin/dlq_review/{model}/{key}/rehearse/"
    assert desk.get(url).status_code == 405
    assert client_of("view", name="eve").post(url).status_code == 403
