"""The desk's work beside 200,000 letters: in sets, as it does it, and one letter at a time.

Both sides are the same code on the same rows; the second has sets of one. Where SQS takes
part, the third side is a bare boto3 loop that makes the same calls and keeps nothing. The
sides take turns, and every round begins with letters that it pulled itself.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import StringIO
from statistics import median
from time import perf_counter, process_time
from unittest.mock import patch

from django.core.management import call_command
from django.utils import timezone

from benchmarks import backlog
from benchmarks.million import load
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, runner
from dlq_review.operations.plans import Plan, freeze
from dlq_review.pull import puller, receiving
from dlq_review.search.selections import Selection
from processing.delivery import spool
from processing.models import SpooledEvent, User
from processing.sqs import queues
from processing.sqs.topology import QUEUES

ONE = "one at a time"
BARE = "bare boto3 loop"
_DLQ = QUEUES["orders"].dlq
_EDIT = [{"op": "replace", "path": "/data/customer_id", "value": "C-1000"}]
_LETTERS = 200_000  # three of five wait, so that 100,000 can be frozen
_FROZEN = 100_000
_ASKED = 500
_REACHED = f"--rate {_ASKED}, as it says"
_RATE = "with start and report"
_UNLIMITED = 30_000  # letters a second, which nothing reaches


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and seconds of this process's processor time."""

    seconds: float
    processor: float


@dataclass(slots=True)
class Work:
    """Letters a second of each side, one figure a round; and our processor time."""

    title: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    processor: list[float] = field(default_factory=list)
    """Microseconds a letter, in sets."""

    def note(self, side: str, number: int, spent: Spent) -> None:
        self.figures.setdefault(side, []).append(number / spent.seconds)
        if side == "ours":
            self.processor.append(1e6 * spent.processor / number)

    def median(self, side: str) -> float:
        return median(self.figures[side])


def compare(*, moved: int, rounds: int) -> None:
    logging.disable(logging.WARNING)
    load(_LETTERS)
    User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    titles = ("pull", "edit", "redrive", "discard", "relay", _REACHED, _RATE)
    works = {title: Work(title) for title in titles}
    for number in range(rounds):
        for side, count in (("ours", moved), (ONE, moved // 20)):
            with _sets_of_one() if side == ONE else ExitStack():
                _all(works, side, count)
        _bare(works, moved)
        said = (
            f"{work.title} {work.figures['ours'][-1]:,.0f}/s" for work in works.values()
        )
        print(f"  round {number + 1}:", ", ".join(said))
    _report(list(works.values()), moved)
    print(f"{'freeze 100,000 letters':>24} {_seconds_to_freeze():.2f} s")


@contextmanager
def _sets_of_one() -> Iterator[None]:
    with ExitStack() as stack:
        for module in (receiving, runner):
            stack.enter_context(patch.object(module, "SET", 1))
        stack.enter_context(patch.object(spool, "REST", 0))
        yield


def _all(works: dict[str, Work], side: str, count: int) -> None:
    """Each kind of work once, on *count* letters."""
    newest = DeadLetter.objects.latest("pk").pk
    backlog.send(_DLQ, backlog.orders(3 * count))
    works["pull"].note(
        side, 3 * count, _seconds(lambda: puller.pull([_DLQ], seconds=600))
    )
    pulled = DeadLetter.objects.filter(pk__gt=newest).order_by("pk")
    numbers = list(pulled.values_list("pk", flat=True))
    _check(len(numbers) == 3 * count, "not all were pulled")
    first, second, third = (numbers[place::3] for place in range(3))
    works["edit"].note(side, count, _operate(first, Plan("fix", _EDIT), "fixed"))
    works["redrive"].note(side, count, _operate(first, Plan(), "sent"))
    works["discard"].note(side, count, _operate(second, Plan("discard"), "discarded"))
    if side == "ours":
        works[_RATE].note(side, count, _seconds(lambda: _command(third)))
        said = Operation.objects.latest("pk").reached
        works[_REACHED].figures.setdefault(side, []).append(said or 0)
    _spool(count)
    limit = spool.SET if side == "ours" else 1
    spent = _seconds(lambda: spool.relay(limit, seconds=600))
    works["relay"].note(side, count, spent)
    _check(not SpooledEvent.objects.exists(), "not all were relayed")
    _empty("orders")


def _operate(numbers: list[int], plan: Plan, done: str) -> Spent:
    selection = Selection(ids=[str(number) for number in numbers])
    operation = freeze(selection, plan, by="bench", reason="measured")
    Operation.objects.filter(pk=operation.pk).update(rate=_UNLIMITED)
    operation.refresh_from_db()
    control.start(operation, by="bench")
    spent = _seconds(lambda: runner.run(operation, seconds=600))
    _check(operation.items.filter(state=done).count() == len(numbers), "not all done")
    return spent


def _command(numbers: list[int]) -> None:
    said = StringIO()
    named = [str(number) for number in numbers]
    how = ["--ids", *named, "--apply", "--by", "bench", "--rate", str(_ASKED)]
    call_command("redrive_dlq", *how, stdout=said, stderr=said)


def _spool(count: int) -> None:
    now = timezone.now()
    SpooledEvent.objects.bulk_create(
        SpooledEvent(request_id=event.id, body=event.body, next_try_at=now)
        for event in backlog.orders(count)
    )


def _bare(works: dict[str, Work], count: int) -> None:
    spent = _seconds(lambda: backlog.send("orders", backlog.orders(count)))
    for title in ("redrive", "relay"):
        works[title].note(BARE, count, spent)
    _empty("orders")
    backlog.send(_DLQ, backlog.orders(count))
    works["pull"].note(BARE, count, _seconds(lambda: _receive_and_delete(_DLQ)))


def _receive_and_delete(queue: str) -> None:
    sqs, url = queues.client(), queues.url(queue)
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                for number, one in enumerate(found)
            ],
        )


def _empty(queue: str) -> None:
    queues.client().purge_queue(QueueUrl=queues.url(queue))


def _seconds_to_freeze() -> float:
    return median(
        _seconds(lambda: freeze(Selection(), Plan(limit=_FROZEN), by="bench")).seconds
        for _ in range(3)
    )


def _report(works: list[Work], moved: int) -> None:
    print(f"\nE  The desk's work, {_LETTERS:,} letters, {moved:,} a round, letters/s")
    titles = ("ours", ONE, BARE, "µs of our process")
    print(f"{'':>24}", *(f"{name:>16}" for name in titles))
    for work in works:
        print(f"{work.title:>24}", end="")
        for side in ("ours", ONE, BARE):
            known = side in work.figures
            print(f" {work.median(side):>16,.0f}" if known else f" {'':>16}", end="")
        print(f" {median(work.processor):>16,.0f}" if work.processor else "")


def _check(done: bool, wrong: str) -> None:
    if not done:
        raise RuntimeError(f"Wrong: {wrong}.")


def _seconds(work: Callable[[], object]) -> Spent:
    start, used = perf_counter(), process_time()
    work()
    return Spent(perf_counter() - start, process_time() - used)
