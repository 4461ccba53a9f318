"""What changed since a list was frozen is foretold, and then left alone by the run."""

from collections.abc import Callable

import pytest

from dlq_review.letters import retention, revisions, settlement
from dlq_review.models import DeadLetter
from dlq_review.operations import control, outlook, plans, progress, runner
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, order_created, redrive_now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def edit(letter: DeadLetter) -> None:
    body = letter.revisions.get().body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, body, based_on=0, by="bob", reason="x")


def discard(letter: DeadLetter) -> None:
    settlement.discard(letter, by="bob", reason="x")


def restore(letter: DeadLetter) -> None:
    settlement.restore(letter, by="bob", reason="x")


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
