"""Run an operation from a terminal: its progress, its outcomes, and Ctrl-C.

Workers may run the same operation at the same time; a lease lets one of all take each step,
and whoever does not hold it only looks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from dlq_review import holding, operating, pulling, redriving, settling, steering
from dlq_review.models import Operation
from dlq_review.selecting import Selection
from dlq_review.tallying import Tally, tally

PATIENCE = 15  # seconds without any progress until SQS is given up
PAUSE = 0.5  # seconds between two looks at what others do


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")


def drive(operation: Operation, console: Console, *, wait: bool) -> None:
    """Run *operation* until all is sent, or with *wait* until all is settled.

    Returns early where it is paused, cancelled or stopped by its brake.
    """
    columns = (
        TextColumn(f"operation {operation.pk}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=operation.total, told="")
        for counts in _steps(operation, wait=wait):
            done = operation.total - counts.waiting - (counts.sent if wait else 0)
            progress.update(bar, completed=done, told=told(counts))


def _steps(operation: Operation, *, wait: bool) -> Iterator[Tally]:
    moved, seen = monotonic(), Tally()
    while operation.state == Operation.State.RUNNING:
        operating.run(operation, seconds=1)
        counts = tally(operation)
        yield counts
        if not counts.waiting and not wait:
            return
        if counts != seen:
            moved, seen = monotonic(), counts
            continue
        if not counts.sent and monotonic() - moved > PATIENCE:
            steering.pause(operation, halted="SQS does not take the messages.")
            return
        if counts.sent:
            _learn_outcomes()
        sleep(PAUSE)


def _learn_outcomes() -> None:
    """What beat has done, too; here for when it is not running."""
    pulling.pull(seconds=5)
    holding.send_due()
    redriving.resend_claimed()
    settling.reconcile()


@contextmanager
def reading(selection: Selection, console: Console) -> Iterator[Callable[[int], None]]:
    """Show how many bodies were read, where *selection* needs them."""
    if not selection.fields:
        yield lambda read: None
        return
    total = selection.candidates().order_by().count()
    columns = (TextColumn("bodies read"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("", total=total)
        yield lambda read: progress.advance(bar, read)


def told(counts: Tally) -> str:
    return ", ".join(
        f"{count} {state.replace('_', ' ')}"
        for state, count in counts.by_state.items()
        if count
    )
