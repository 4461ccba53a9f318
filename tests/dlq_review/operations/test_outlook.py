"""What changed since a list was frozen is foretold, and then left alone by the run."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from dlq_review.letters import retention, revisions, settlement
from dlq_review.models import DeadLetter
from dlq_review.operations import control, outlook, plans, progress, runner
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.delivery import processor
from tests.builders import (
    dead_letter,
    message,
    order_created,
    redrive_now,
    signup_requested,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def edit(letter: DeadLetter) -> None:
    body = letter.revisions.get().body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=0, by="bob", reason="x")


def discard(letter: DeadLetter) -> None:
    settlement.discard(letter, by="bob", reason="x")


def restore(letter: DeadLetter) -> None:
    settlement.restore(letter, by="bob", reason="x")


def discard_again(letter: DeadLetter) -> None:
    restore(letter)
    discard(letter)


def purge(letter: DeadLetter) -> None:
    retention.purge_these({letter.pk: letter.request_id})


@pytest.mark.parametrize(
    ("kind", "deed"),
    [
        ("redrive", edit),
        ("redrive", discard),
        ("redrive", lambda letter: redrive_now(letter, by="bob")),
        ("discard", edit),
        ("discard", discard),
        ("restore", restore),
        ("restore", discard_again),
        ("restore", purge),
    ],
)
def test_what_changed_since_the_freeze_is_foretold_and_left_alone(
    kind: str, deed: Callable[[DeadLetter], object]
) -> None:
    letters = [dead_letter(order_created()) for _ in range(3)]
    if kind == "restore":
        for letter in letters:
            discard(letter)
    selection = Selection(discarded=kind == "restore")
    operation = plans.freeze(selection, Plan(kind, rate=500), by="ada", reason="x")
    letters[1].refresh_from_db()
    deed(letters[1])
    found = outlook.outlook(operation)
    assert (found.acts_on, found.left_out) == (2, [(1, outlook.CHANGED)])
    assert (found.looked_at, found.whole) == (3, True)
    control.start(operation, by="ada")
    runner.run(operation, seconds=5)
    assert progress.tally(operation).skipped == 1
    states = operation.items.order_by("letter_id").values_list("state", flat=True)
    assert [state == "skipped" for state in states] == [False, True, False]


@pytest.mark.parametrize(("override", "more"), [(False, 0), (True, 1)])
def test_each_fate_is_told_with_its_number(
    settings: Settings, *, override: bool, more: int
) -> None:
    settings.REDRIVE_TARGETS = ["orders:emails"]
    done = order_created()
    for body in (done, order_created(), "no event", signup_requested()):
        dead_letter(body)
    DeadLetter.objects.filter(pk=dead_letter().pk).update(redrives=5)
    processor.handle(message(done))
    plan = Plan(to="emails", override_limit=override)
    found = outlook.outlook(plans.freeze(Selection(), plan, by="ada"))
    assert found.acts_on == 2 + more
    said = [
        "would be resolved and not sent: the request was processed already",
        "would be skipped: the body is not a valid event",
        "would be skipped: they may not be redriven to emails",
        "would be skipped: redriven 5 times or more already",
    ]
    assert found.left_out == [(1, one) for one in said[: 4 - more]]
