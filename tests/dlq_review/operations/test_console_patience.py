"""When the command that runs an operation gives SQS up, and what it says then."""

from collections import Counter
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from dlq_review.management import operation_console
from dlq_review.management.operation_console import PATIENCE
from dlq_review.models import Operation
from dlq_review.operations import runner
from dlq_review.operations.progress import Tally
from tests.dlq_review.operation_runs import started

pytestmark = pytest.mark.django_db


class Clock:
    """A second passes at each pause, and no other time."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(operation_console, "monotonic", clock.monotonic)
    monkeypatch.setattr(operation_console, "sleep", clock.sleep)
    monkeypatch.setattr(operation_console, "_learn_outcomes", lambda: None)
    return clock


def looks(operation: Operation, *, wait: bool, most: int = 40) -> list[Tally]:
    """What the command sees until it gives up, or has looked often enough."""
    console = Console(quiet=True)
    steps = operation_console._steps(operation, console, wait=wait)
    return [counts for counts, _ in zip(steps, range(most), strict=False)]


@pytest.mark.parametrize(("wait", "done"), [(False, "2/3"), (True, "1/3")])
def test_the_bar_shows_what_is_over_for_whoever_looks(
    monkeypatch: pytest.MonkeyPatch, wait: bool, done: str
) -> None:
    """What was sent is over only for those who do not wait for its outcome."""
    counts = Tally(Counter(waiting=1, sent=1, failed_again=1))
    monkeypatch.setattr(operation_console, "_steps", lambda *_, **__: iter([counts]))
    out = StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    operation_console.drive(Operation(pk=7, total=3), console, wait=wait)
    last = Text.from_ansi(out.getvalue()).plain.splitlines()[-1]
    assert "operation 7" in last
    assert f" {done} " in last
    assert "1 waiting, 1 sent, 1 failed again" in last


REFUSED = {"orders": "AccessDenied"}


@pytest.mark.parametrize("mine", [True, False])
@pytest.mark.parametrize(
    ("sent", "refused", "wait", "given_up"),
    [
        (0, {}, False, True),
        (0, {}, True, True),
        (0, REFUSED, False, True),
        (0, REFUSED, True, True),
        (1, REFUSED, False, True),
        (1, REFUSED, True, False),  # an outcome may still come
        (1, {}, False, False),
        (1, {}, True, False),
    ],
)
def test_the_command_gives_up_what_it_cannot_send_and_no_longer_waits_for(
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    sent: int,
    refused: dict[str, str],
    wait: bool,
    given_up: bool,
    mine: bool,
) -> None:
    """And never what another runner holds."""
    operation = started(2)
    for item in operation.items.all()[:sent]:
        item.state = "sent"
        item.save()
    operation.refused = refused
    operation.save()
    monkeypatch.setattr(runner, "run", lambda *_, **__: mine)
    seen = looks(operation, wait=wait)
    operation.refresh_from_db()
    assert (operation.state == "paused") is (given_up and mine)
    # The first look, and one a second until more than PATIENCE seconds passed.
    assert len(seen) == (PATIENCE + 3 if given_up and mine else 40)


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ({}, "SQS does not take the messages."),
        (
            {"orders": "AccessDenied"},
            "SQS does not take the messages for orders (AccessDenied).",
        ),
        (
            {"orders": "AccessDenied", "signups": "no such queue"},
            "SQS does not take the messages for orders (AccessDenied), "
            "signups (no such queue).",
        ),
    ],
)
def test_it_says_which_queues_refuse_and_why(
    refused: dict[str, str], said: str
) -> None:
    assert operation_console._not_taken(Operation(refused=refused)) == said


@pytest.mark.parametrize("length", [10, 240, 300, 1_000])
def test_what_it_says_fits_the_column(length: int) -> None:
    said = operation_console._not_taken(Operation(refused={"orders": "x" * length}))
    whole = f"SQS does not take the messages for orders ({'x' * length})."
    assert said == whole[:300]
