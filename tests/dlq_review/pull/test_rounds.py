"""`pull_dlq --once` goes on while a round moved something, and ends when none did."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.core.management import call_command

from dlq_review.models import DeadLetter
from dlq_review.pull import arrivals, new_letters, receiving, refused_by_sqs
from processing.delivery import spool
from processing.models import SpooledEvent
from processing.sqs import publisher, queues
from processing.sqs.message import Message
from tests.builders import message, order_created

pytestmark = pytest.mark.django_db

BROKEN = '{"invalid_json": "this will cause a parsing error"'
MOST = 6  # rounds; more are an endless loop


class Terminal(io.StringIO):
    """What the command prints. After each round SQS shows again what it still holds."""

    def __init__(self, clock: Any, later: Callable[[], None]) -> None:
        super().__init__()
        self.clock, self.later, self.rounds = clock, later, 0

    def write(self, text: str) -> int:
        written = super().write(text)
        if "left in the DLQ" in text:
            self.rounds += 1
            assert self.rounds < MOST, f"endless:\n{self.getvalue()}"
            self.clock.shift(receiving.VISIBILITY + 1)
            if self.rounds == 1:
                self.later()
        return written


def pull_once(later: Callable[[], None] = lambda: None) -> list[str]:
    """The lines of the command; *later* happens behind its first round."""
    with time_machine.travel(datetime.now(UTC)) as clock:
        terminal = Terminal(clock, later)
        call_command("pull_dlq", "--once", stdout=terminal)
    return terminal.getvalue().splitlines()


def round_of(stored: int = 0, known: int = 0, left: int = 0) -> str:
    return f"{stored} stored, {known} known before, {left} left in the DLQ"


def die(body: str = "") -> None:
    publisher.dead_letter(message(body or order_created()), {})


def refuse() -> None:
    spool.add(order_created(), "InvalidMessageContents")
    SpooledEvent.objects.update(refused_for_good=True)


def know() -> None:
    """A letter that is stored and was not deleted from its DLQ, as after a crash."""
    die()
    (stored,) = queues.receive("orders-dlq", visibility=0)
    arrivals.join(stored)


@pytest.mark.parametrize(
    ("prepare", "first"),
    [
        pytest.param(die, [round_of(stored=1)], id="stored"),
        pytest.param(know, [round_of(known=1)], id="known"),
        pytest.param(
            refuse,
            [round_of(), "1 taken from the spool: SQS refused them"],
            id="adopted",
        ),
    ],
)
def test_another_round_is_taken_behind_one_that_moved_something(
    sqs: None, prepare: Callable[[], None], first: list[str]
) -> None:
    prepare()
    assert pull_once(later=die) == [*first, round_of(stored=1), round_of()]
    assert DeadLetter.objects.count() == 2
    assert queues.depth("orders-dlq").visible == 0


def test_a_spool_longer_than_a_round_is_taken_whole(sqs: None) -> None:
    for _ in range(101):
        refuse()
    pull_once()
    assert (SpooledEvent.objects.count(), DeadLetter.objects.count()) == (0, 101)


@pytest.fixture
def disk_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """BROKEN cannot be stored."""
    fields = new_letters.arrival_fields

    def fail_for_broken(pulled: Any) -> dict[str, Any]:
        if BROKEN in pulled.body:
            raise RuntimeError("disk")
        return fields(pulled)

    for module in (new_letters, arrivals):
        monkeypatch.setattr(module, "arrival_fields", fail_for_broken)


@pytest.mark.parametrize(
    ("dead", "rounds"),
    [
        ([], [round_of()]),
        ([BROKEN], [round_of(left=1)]),
        ([BROKEN, ""], [round_of(stored=1, left=1), round_of(left=1)]),
    ],
)
def test_what_stays_in_the_dlq_is_tried_once_behind_all_that_moved(
    sqs: None, disk_full: None, dead: list[str], rounds: list[str]
) -> None:
    for body in dead:
        die(body)
    assert pull_once() == rounds
    assert DeadLetter.objects.count() == len([body for body in dead if not body])


def test_what_stays_in_the_spool_is_tried_once(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Message) -> bool:
        raise RuntimeError("disk")

    monkeypatch.setattr(refused_by_sqs, "join", fail)
    refuse()
    assert pull_once() == [round_of()]
    assert SpooledEvent.objects.count() == 1


def denied(**_: Any) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteMessageBatch")


def failed(**call: Any) -> Any:
    return {"Failed": [{"Id": one["Id"], "Code": "No"} for one in call["Entries"]]}


@pytest.mark.parametrize("answer", [denied, failed])
def test_what_sqs_does_not_delete_is_stored_once_and_no_reason_to_go_on(
    sqs: None, monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]
) -> None:
    monkeypatch.setattr(queues.sender(), "delete_message_batch", answer, raising=False)
    die()
    told = "1 not deleted from the DLQ: SQS shows them again"
    assert pull_once() == [round_of(stored=1), told, round_of(known=1), told]
    assert DeadLetter.objects.get().arrival_count == 1
