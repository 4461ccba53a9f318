"""A step of an operation that fails half way changes nothing: each step, at each statement."""

from collections.abc import Callable
from functools import partial

import pytest

from dlq_review.models import AuditEntry, Operation, OperationItem
from dlq_review.operations import control, edit_undo, plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter
from tests.failing_statements import assert_whole_or_not_at_all

pytestmark = pytest.mark.django_db

Step = Callable[[Operation], object]


def freeze(fields: tuple[str, ...], _: Operation) -> object:
    return plans.freeze(Selection(fields=fields), Plan(), by="ada")


STEPS: dict[str, tuple[str, Step]] = {
    "start": ("draft", partial(control.start, by="ada")),
    "pause": ("running", partial(control.pause, by="ada")),
    "resume": ("paused", partial(control.resume, by="ada")),
    "cancel": ("paused", partial(control.cancel, by="ada")),
    "finish": ("running", control.finish),
    "undo": ("done", partial(edit_undo.freeze_undo, by="ada", reason="x")),
    "freeze": ("draft", partial(freeze, ())),
    "read and freeze": ("draft", partial(freeze, ("data.currency=EUR",))),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_fails_at_any_statement_is_not_taken_at_all(name: str) -> None:
    state, step = STEPS[name]
    for _ in range(4):
        dead_letter()
    operation = plans.freeze(Selection(), Plan("repair"), by="ada")
    items = ("waiting", "ready", "fixed", "sent")
    for item, its in zip(operation.items.order_by("pk"), items, strict=True):
        OperationItem.objects.filter(pk=item.pk).update(state=its)
    brake = "Brake: 1 of 1 failed again." if state == "paused" else ""
    Operation.objects.update(state=state, halted=brake)
    assert_whole_or_not_at_all(
        lambda: step(Operation.objects.get()),
        *(Operation, OperationItem, AuditEntry),
        least=4,  # read it, change it, read it again, note it
    )
