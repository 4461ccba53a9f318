"""A redrive into another queue, where REDRIVE_TARGETS allows it."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.pull import puller
from dlq_review.redrive import claims, sender
from dlq_review.redrive.targets import NotAllowedThereError
from dlq_review.redrive.terms import Redrive, Terms
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.events.errors import PermanentError
from processing.handlers import registry
from processing.models import Attempt, Order, User
from processing.sqs import queues
from tests.builders import dead_letter, order_created, redrive_now, signup_requested
from tests.conftest import make_fifo
from tests.dlq_review.desk_pages import OPERATIONS, html, page, plan

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def orders_may_go_to_signups(settings: Settings) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups"]
    settings.REDRIVE_UNDO_SECONDS = 0


def redrive_to(letter: DeadLetter, queue: str) -> str:
    return sender.redrive_one(Redrive(letter, letter.revision), Terms("ada", to=queue))


def work(queue: str) -> None:
    """What a worker does with everything on the queue."""
    for delivery in queues.receive(queue):
        processor.handle(delivery)
        queues.delete(queue, [delivery.receipt_handle])


def test_it_is_processed_on_the_other_queue_and_resolved(sqs: None) -> None:
    letter = dead_letter(order_created(order_id="ORD-9"))
    assert redrive_to(letter, "signups") == "redriven"
    assert queues.receive("orders") == []
    work("signups")
    settlement.reconcile()
    letter.refresh_from_db()
    assert (letter.state, letter.redriven_to) == ("resolved", "signups")
    assert Order.objects.filter(order_id="ORD-9").exists()
    assert letter.audit.get(verb="claimed").reason == "To signups."


def refuse(_: Any) -> None:
    raise PermanentError("still broken")


def test_what_fails_again_on_another_queue_is_the_same_letter(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter()
    redrive_to(letter, "signups")
    monkeypatch.setitem(registry.HANDLERS, "order_created", refuse)
    work("signups")
    puller.pull()
    found = DeadLetter.objects.get()
    assert (found.pk, found.queue, found.state) == (letter.pk, "orders", "open")
    assert found.failed_again
    assert found.error_type == "PermanentError"
    assert found.arrivals.filter(dlq="signups-dlq").count() == 1
    assert Attempt.objects.get().queue == "signups"
    assert FailureGroup.objects.filter(queue="signups").count() == 0
    assert sum(FailureGroup.objects.values_list("waiting", flat=True)) == 1
    assert redrive_now(found, by="ada") == "redriven"
    assert len(queues.receive("orders")) == 1  # its own queue, unless asked otherwise


def test_it_may_meet_another_letter_of_its_request_on_that_queue(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    letter = dead_letter(event)
    other = dead_letter(event, queue="signups-dlq")
    assert other.queue == "signups"
    redrive_to(letter, "signups")
    monkeypatch.setitem(registry.HANDLERS, "order_created", refuse)
    work("signups")
    puller.pull()
    letter.refresh_from_db()
    other.refresh_from_db()
    assert (letter.arrival_count, other.arrival_count) == (2, 1)


def test_what_failed_on_a_foreign_queue_is_the_same_letter_on_its_own(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter(order_created(), queue="signups-dlq")
    redrive_now(letter, by="ada")
    monkeypatch.setitem(registry.HANDLERS, "order_created", refuse)
    work("orders")
    puller.pull()
    letter = DeadLetter.objects.get()
    assert (letter.queue, letter.arrival_count) == ("signups", 2)


@pytest.mark.parametrize(
    "told",
    ['{"dead_letter": %s}', '{"dead_letter": "%s"}', "%s", '{"dead_letter": -1}'],
)
def test_a_stranger_cannot_slip_a_message_into_a_letter(told: str) -> None:
    letter = dead_letter()
    text = told.replace("%s", str(letter.pk))
    stranger = dead_letter(order_created(), attributes={"redrive": text})
    assert stranger.pk != letter.pk


def test_a_crash_before_it_is_sent_sends_it_to_the_same_queue(sqs: None) -> None:
    letter = dead_letter()
    claims.claim(letter, by="ada", reason="", to="signups")
    DeadLetter.objects.update(claimed_at=timezone.now() - 2 * sender.CLAIM_LASTS)
    assert sender.resend_claimed() == 1
    assert len(queues.receive("signups")) == 1


@pytest.mark.parametrize("to", ["emails", "jobs", "nonsense"])
def test_what_is_not_on_the_list_is_refused(sqs: None, to: str) -> None:
    letter = dead_letter()
    with pytest.raises(NotAllowedThereError):
        redrive_to(letter, to)
    letter.refresh_from_db()
    assert letter.state == "open"


def test_a_fifo_queue_takes_what_comes_from_a_standard_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    make_fifo("signups", settings, monkeypatch)
    request.getfixturevalue("sqs")
    assert redrive_to(dead_letter(), "signups") == "redriven"
    assert len(queues.receive("signups")) == 1


def test_an_operation_sends_there_what_may_go_there_and_skips_the_rest(
    sqs: None,
) -> None:
    dead_letter()
    dead_letter(signup_requested(), queue="signups-dlq")
    dead_letter(signup_requested(email="b@example.com"), queue="emails-dlq")
    operation = plans.freeze(Selection(), Plan(rate=500, to="signups"), by="ada")
    control.start(operation, by="ada")
    runner.run(operation, seconds=9)
    assert operation.items.filter(state="sent").count() == 3
    assert len(queues.receive("signups")) == 3
    letter = dead_letter(signup_requested(email="c@example.com"))
    with pytest.raises(
        NotAllowedThereError, match="signups may not be redriven to emails"
    ):
        redrive_to(letter, "emails")


def test_each_queue_may_have_several_others_and_is_offered_once(
    desk: Client, settings: Settings, sqs: None
) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups", "orders:emails", "signups:emails"]
    letter = dead_letter()
    text = html(desk, page(letter))
    assert "<option>signups</option>" in text
    assert "<option>emails</option>" in text
    form = html(desk, f"{OPERATIONS}new/").partition('name="to"')[2]
    assert form.partition("</select>")[0].count('<option value="emails">') == 1
    assert redrive_to(letter, "signups") == "redriven"
    assert redrive_to(dead_letter(), "emails") == "redriven"


def test_staff_choose_the_queue_of_an_operation_from_the_list(
    desk: Client, settings: Settings
) -> None:
    settings.REDRIVE_TARGETS = ["orders:emails"]
    dead_letter()
    dead_letter(signup_requested())
    assert '<option value="emails">' in html(desk, f"{OPERATIONS}new/")
    answer = desk.post(f"{OPERATIONS}new/", plan(to="emails"))
    text = html(desk, answer["Location"])
    assert "to emails" in text
    assert "1 would be skipped: they may not be redriven to emails." in text
    answer = desk.post(f"{OPERATIONS}new/", plan(to="signups"))
    assert "errorlist" in answer.content.decode()


def test_without_a_list_nobody_is_asked(desk: Client, settings: Settings) -> None:
    settings.REDRIVE_TARGETS = []
    letter = dead_letter()
    assert "Redrive to" not in html(desk, f"{OPERATIONS}new/")
    assert "Redrive to" not in html(desk, page(letter))


def test_staff_redrive_one_letter_to_another_queue(desk: Client, sqs: None) -> None:
    letter = dead_letter()
    text = html(desk, page(letter))
    assert "Redrive to…" in text
    assert "<option>signups</option>" in text
    desk.post(page(letter, "redrive"), {"to": "signups", "reason": "orders is busy"})
    assert len(queues.receive("signups")) == 1
    answer = desk.post(page(dead_letter(), "redrive"), {"to": "jobs"}, follow=True)
    assert "may not be redriven to jobs" in answer.content.decode()


def test_the_command_redrives_to_another_queue(
    sqs: None, django_user_model: type[User], settings: Settings
) -> None:
    django_user_model.objects.create(username="ada", is_superuser=True)
    dead_letter()
    apply = ["redrive_dlq", "--all", "--apply", "--by", "ada", "--to"]
    with pytest.raises(CommandError, match="REDRIVE_TARGETS=orders:emails"):
        call_command(*apply, "emails", stdout=StringIO(), stderr=StringIO())
    call_command(*apply, "signups", stdout=StringIO(), stderr=StringIO())
    assert len(queues.receive("signups")) == 1


def test_a_dry_run_foretells_what_may_not_go_there(settings: Settings) -> None:
    settings.REDRIVE_TARGETS = ["orders:emails"]
    dead_letter()
    dead_letter(signup_requested())
    which = ("redrive_dlq", "--all", "--to", "emails")
    call_command(*which, "--json", stdout=(out := StringIO()), stderr=StringIO())
    told = json.loads(out.getvalue())
    assert (told["would_send"], told["would_skip"]) == (1, {"not_allowed": 1})
    call_command(*which, stdout=(out := StringIO()))
    assert "they may not be redriven to emails." in out.getvalue()


@pytest.mark.parametrize(
    ("pair", "wrong"),
    [("orders:signups", 0), ("orders", 1), ("orders:jobs", 1), ("orders:orders", 1),
     ("x:orders", 1), ("orders:signups:emails", 1)],
)  # fmt: skip
def test_a_list_that_cannot_be_meant_is_refused(
    settings: Settings, pair: str, wrong: int
) -> None:
    settings.REDRIVE_TARGETS = [pair]
    assert [one.id for one in run_checks()].count("dlq_review.E002") == wrong
