"""What the metrics and the log tell of each request, sent alone or in a batch."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from intake.accept import PATIENCE, REFUSALS, accept, accept_many
from processing.database.patience import Patience
from processing.delivery import spool
from processing.events.envelope import Event
from processing.metrics import exposition
from processing.sqs import publisher
from processing.sqs.batches import Sent
from processing.sqs.refusals import SendError
from tests.builders import order_created
from tests.metric_texts import by_label
from tests.outages import away


def alone(event: Event) -> None:
    with suppress(*REFUSALS):
        accept(event)


def in_a_batch(event: Event) -> None:
    accept_many([event])


def stored(*_: Any) -> None:
    """What the spool does that takes an event."""


def used_key(*_: Any) -> NoReturn:
    raise spool.SpoolConflictError


@dataclass(frozen=True)
class Case:
    """What SQS and the spool do with an event, and what is told of that."""

    refusal: SendError | None
    spool: Callable[..., None]
    counted: str
    logged: list[str]
    after_all: SendError | None = None


ACCEPTED = ["outcome=accepted reason= spool="]
OPEN = SendError("CircuitOpen", was_asked=False)
CASES = {
    "queued": Case(None, away, "queued", ACCEPTED),
    "spooled": Case(SendError("Timeout"), stored, "spooled", ACCEPTED),
    "both away": Case(
        SendError("Timeout"),
        away,
        "refused",
        ["outcome=not_accepted reason=Timeout spool=OperationalError"],
    ),
    "another body under its id": Case(
        SendError("Timeout"),
        used_key,
        "refused",
        ["outcome=not_accepted reason=key_reused spool="],
    ),
    "not to be sent": Case(SendError("Bad", for_good=True), stored, "refused", []),
    "queued after all": Case(OPEN, away, "queued", ACCEPTED),
    "away after all": Case(
        OPEN,
        away,
        "refused",
        ["outcome=not_accepted reason=Slow spool=OperationalError"],
        after_all=SendError("Slow"),
    ),
}


def counts() -> Counter[str]:
    text = exposition.text(exposition.counted())
    return by_label(text, "holdfast_accepted_total", "outcome")


@pytest.mark.parametrize("send", [alone, in_a_batch])
@pytest.mark.parametrize("name", CASES)
def test_each_request_is_counted_once_and_logged_as_it_ended(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    send: Callable[[Event], None],
) -> None:
    case = CASES[name]

    def answered(error: SendError | None) -> None:
        if error:
            raise error

    def publish_many(events: list[Event], _: Any) -> list[Sent]:
        return [Sent(one, error=case.refusal) for one in events]

    monkeypatch.setattr(publisher, "publish", lambda *_, **__: answered(case.refusal))
    monkeypatch.setattr(publisher, "publish_many", publish_many)
    monkeypatch.setattr(
        publisher, "publish_after_all", lambda *_, **__: answered(case.after_all)
    )
    monkeypatch.setattr(spool, "add", case.spool)
    event = order_created()
    before = counts()
    with caplog.at_level("INFO", "intake.accept"):
        send(event)
    assert counts() - before == {case.counted: 1}
    told = f"request_id={event.id} correlation_id={event.correlation_id}"
    assert caplog.messages == [
        f"{told} type=order_created {ended}" for ended in case.logged
    ]


@pytest.mark.parametrize("send", [alone, in_a_batch])
def test_a_spool_that_hangs_is_given_up_after_seconds(
    monkeypatch: pytest.MonkeyPatch, send: Callable[[Event], None]
) -> None:
    left: list[float | None] = []

    def publish(*_: Any, **__: Any) -> None:
        raise SendError("Timeout")

    def publish_many(events: list[Event], _: Any) -> list[Sent]:
        return [Sent(one, error=SendError("Timeout")) for one in events]

    monkeypatch.setattr(publisher, "publish", publish)
    monkeypatch.setattr(publisher, "publish_many", publish_many)
    monkeypatch.setattr(spool, "add", lambda *_: left.append(Patience().left()))
    send(order_created())
    (seconds,) = left
    assert seconds is not None
    assert 0 < seconds <= PATIENCE
