"""What was redriven too often is redriven again only by somebody who says why."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from dlq_review.errors import ReasonMissingError
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.redrive import sender
from dlq_review.redrive.terms import LimitReachedError, Redrive, Terms
from dlq_review.search.selections import Selection
from processing.models import User
from processing.sqs import queues
from tests.builders import dead_letter, redrive_now
from tests.dlq_review.desk_pages import LIST, OPERATIONS, html, page, plan

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent_at_once(settings: Settings) -> None:
    settings.REDRIVE_UNDO_SECONDS = 0


def letter_redriven(times: int) -> DeadLetter:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(redrives=times)
    letter.refresh_from_db()
    return letter


@pytest.mark.parametrize(
    ("limit", "redrives", "refused"),
    [(5, 4, False), (5, 5, True), (5, 6, True), (1, 1, True), (0, 99, False)],
)
def test_past_the_limit_it_is_refused(
    sqs: None, settings: Settings, limit: int, redrives: int, refused: bool
) -> None:
    settings.REDRIVE_LIMIT = limit
    letter = letter_redriven(redrives)
    if refused:
        with pytest.raises(LimitReachedError, match=f"Redriven {redrives} times"):
            redrive_now(letter, by="ada")
    else:
        assert redrive_now(letter, by="ada") == "redriven"
    assert len(queues.receive("orders")) == (0 if refused else 1)


def test_an_override_needs_a_reason_and_is_on_record(sqs: None) -> None:
    letter = letter_redriven(5)
    one = Redrive(letter, 0)
    with pytest.raises(ReasonMissingError):
        sender.redrive_one(one, Terms("ada", " ", override_limit=True))
    terms = Terms("ada", "The bank is back.", override_limit=True)
    assert sender.redrive_one(one, terms) == "redriven"
    reason = letter.audit.get(verb="claimed").reason
    assert reason == "Past the limit of 5 redrives. The bank is back."


def test_a_letter_offers_the_override_in_place_of_the_click(
    desk: Client, sqs: None
) -> None:
    letter = letter_redriven(5)
    text = html(desk, page(letter))
    assert "Redrive anyway…" in text
    assert "It was redriven 5 times already" in text
    assert "anyway" in html(desk, LIST)
    answer = desk.post(page(letter, "redrive"), follow=True)
    assert "5 is the limit" in answer.content.decode()
    form = {"override_limit": "1", "reason": "The bank is back."}
    desk.post(page(letter, "redrive"), form)
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == ("redriven", 6)


def run_operation(*, override: bool) -> Operation:
    letter_redriven(5)
    dead_letter()
    plan = Plan(rate=500, override_limit=override)
    operation = plans.freeze(Selection(), plan, by="ada", reason="r2")
    control.start(operation, by="ada")
    runner.run(operation, seconds=9)
    return operation


def test_an_operation_skips_what_is_past_the_limit_and_says_so(sqs: None) -> None:
    skipped = run_operation(override=False).items.get(state="skipped")
    assert skipped.why.startswith("Redriven 5 times already")
    assert len(queues.receive("orders")) == 1


def test_an_operation_confirmed_with_override_sends_all(sqs: None) -> None:
    operation = run_operation(override=True)
    assert operation.items.filter(state="sent").count() == 2


def test_an_operation_shows_beforehand_what_is_past_the_limit(desk: Client) -> None:
    letter_redriven(7)
    answer = desk.post(f"{OPERATIONS}new/", plan())
    told = "1 would be skipped: redriven 5 times or more already."
    assert told in html(desk, answer["Location"])
    answer = desk.post(f"{OPERATIONS}new/", plan(override_limit="on"))
    text = html(desk, answer["Location"])
    assert told not in text
    assert "also past the limit of redrives" in text


def test_the_command_overrides_the_limit_with_a_reason(
    sqs: None, django_user_model: type[User]
) -> None:
    django_user_model.objects.create(username="ada", is_superuser=True)
    letter = letter_redriven(5)
    apply = ["redrive_dlq", "--all", "--apply", "--by", "ada"]
    for arguments, code in ((apply, 3), ([*apply, "--override-limit"], 1)):
        with pytest.raises(CommandError) as caught:
            call_command(*arguments, stdout=StringIO(), stderr=StringIO())
        assert caught.value.returncode == code
    call_command(
        *apply,
        "--override-limit",
        "--reason",
        "r2",
        stdout=StringIO(),
        stderr=StringIO(),
    )
    letter.refresh_from_db()
    assert letter.state == "redriven"
