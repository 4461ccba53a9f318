"""Run an operation from a terminal: its progress, its outcomes, and Ctrl-C.

Workers may run the same operation at the same time. Only the holder of the lease takes a
step; the others wait, and the command says who holds the lease.
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

from dlq_review.letters import settlement
from dlq_review.models import Operation
from dlq_review.operations import control, runner
from dlq_review.operations.pace import Pace
from dlq_review.operations.progress import Tally, tally
from dlq_review.pull import puller
from dlq_review.redrive import sender, undo_window
from dlq_review.search.selections import Selection

PATIENCE = 15  # seconds without progress after which this command gives SQS up
PAUSE = 0.5  # seconds between two looks while another runner holds the lease


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")


def drive(operation: Operation, console: Console, *, wait: bool) -> None:
    """Run *operation* until all is sent, or with *wait* until all is settled.

    Returns early if it is paused, cancelled or stopped by its brake.
    """
    columns = (
        TextColumn(f"operation {operation.pk}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=operation.total, counts="")
        for counts in _steps(operation, progress.console, wait=wait):
            done = operation.total - counts.waiting - (counts.sent if wait else 0)
            progress.update(bar, completed=done, counts=in_words(counts))


def _steps(operation: Operation, console: Console, *, wait: bool) -> Iterator[Tally]:
    idle, seen, holder = 0.0, Tally(), ""
    pace = Pace(operation.rate)
    while operation.state == Operation.State.RUNNING:
        begun = monotonic()
        mine = runner.run(operation, seconds=1, pace=pace)
        if not mine and operation.held_until and operation.lease_holder != holder:
            holder = operation.lease_holder
            console.print(_held(operation), markup=False)
        counts = tally(operation)
        yield counts
        if not counts.waiting and not wait:
            return
        if counts != seen:
            idle, seen = 0.0, counts
            continue
        if counts.sent:
            _learn_outcomes()
        stuck = not counts.sent or (operation.refused and not wait)
        if stuck and idle > PATIENCE:
            control.pause(operation, halted=_not_taken(operation))
            return
        sleep(PAUSE)
        idle += (monotonic() - begun) if mine else 0


def _held(operation: Operation) -> str:
    until = f"{operation.held_until:%H:%M:%S} UTC" if operation.held_until else "now"
    return (
        f"Operation {operation.pk} is held by {operation.lease_holder or 'another runner'}"
        f" until {until}, or longer while it goes on. This command looks on, and goes on"
        " itself once nobody holds it."
    )


def _not_taken(operation: Operation) -> str:
    queues = ", ".join(f"{queue} ({why})" for queue, why in operation.refused.items())
    return f"SQS does not take the messages{f' for {queues}' if queues else ''}."[:300]


def _learn_outcomes() -> None:
    """Do beat's work here too, in case beat is not running."""
    puller.pull(seconds=5)
    undo_window.send_due()
    sender.resend_claimed()
    settlement.reconcile()


@contextmanager
def reading(selection: Selection, console: Console) -> Iterator[Callable[[int], None]]:
    """Show how many bodies were read, if *selection* needs to read any."""
    if not selection.fields:
        yield lambda read: None
        return
    total = selection.candidates().order_by().count()
    columns = (TextColumn("bodies read"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("", total=total)
        yield lambda read: progress.advance(bar, read)


def in_words(counts: Tally) -> str:
    return ", ".join(
        f"{count} {state.replace('_', ' ')}"
        for state, count in counts.by_state.items()
        if count
    )
