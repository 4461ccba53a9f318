"""Operations as a test starts, runs and reads them."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dlq_review.models import Operation
from dlq_review.operations import control, plans, progress
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.events.errors import PermanentError
from processing.handlers import registry
from tests.builders import dead_letter

FAST = Plan(rate=500)


def started(count: int, plan: Plan = FAST) -> Operation:
    for _ in range(count):
        dead_letter()
    operation = plans.freeze(Selection(), plan, by="ada", reason="fixed")
    control.start(operation, by="ada")
    return operation


def states(operation: Operation) -> dict[str, int]:
    return dict(progress.tally(operation).by_state)


def fail_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> None:
        raise PermanentError("still broken")

    monkeypatch.setitem(registry.HANDLERS, "order_created", refuse)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("redrive_dlq", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def exit_of(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode, str(caught.value)
