from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from processing import circuit_breaker
from processing.circuit_breaker import (
    FAILURES,
    LAST_RESORT_PAUSE,
    PAUSE,
    Breaker,
    Breakers,
)
from processing.events.attributes import Attributes
from processing.sqs import entries, publisher, queues
from processing.sqs.batches import send_batch
from processing.sqs.call_counter import CIRCUIT_OPEN
from processing.sqs.credentials import CredentialsError
from processing.sqs.refusals import SendError
from tests.builders import order_created, signup_requested


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(circuit_breaker, "monotonic", lambda: now[0])
    return now


def broken() -> Breaker:
    one = Breaker()
    for _ in range(FAILURES):
        assert one.lets_through()
        one.failed("Timeout")
    return one


def test_after_three_failures_in_a_row_nobody_is_let_through(
    clock: list[float],
) -> None:
    one = broken()
    assert not one.lets_through()
    clock[0] += PAUSE - 0.1
    assert not one.lets_through()


def test_after_the_pause_one_caller_tries_for_all(clock: list[float]) -> None:
    one = broken()
    clock[0] += PAUSE
    assert [one.lets_through() for _ in range(3)] == [True, False, False]
    one.succeeded()
    assert all(one.lets_through() for _ in range(3))


def test_a_try_that_fails_begins_the_pause_anew(clock: list[float]) -> None:
    one = broken()
    clock[0] += PAUSE
    assert one.lets_through()
    one.failed("Timeout")
    clock[0] += PAUSE - 0.1
    assert not one.lets_through()


def test_a_try_that_never_reports_costs_one_pause(clock: list[float]) -> None:
    one = broken()
    clock[0] += PAUSE
    assert one.lets_through()
    clock[0] += PAUSE
    assert one.lets_through()


def test_single_failures_between_successes_change_nothing(clock: list[float]) -> None:
    one = Breaker()
    for _ in range(10):
        one.failed("Timeout")
        one.succeeded()
    assert one.lets_through()


def test_publishing_to_an_sqs_that_keeps_failing_stops_asking_it(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    send = queues.sender().send_message_batch

    def counted(**call: Any) -> Any:
        asked.append(call)
        return send(**call)

    sender = queues.sender()
    monkeypatch.setattr(sender, "send_message_batch", counted)
    results = [
        publisher.publish_many([order_created()])[0] for _ in range(FAILURES + 5)
    ]
    assert {str(one.error) for one in results} == {"EndpointConnectionError"}
    assert len(asked) == FAILURES


def delete(queue: str) -> None:
    queues.client().delete_queue(QueueUrl=queues.url(queue))


def errors(*events: Any) -> list[SendError | None]:
    return [sent.error for sent in publisher.publish_many(events)]


def answering(
    monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception | None]
) -> list[Any]:
    """SQS raises *error* where there is one; what it was asked."""
    sender = queues.sender()
    send = sender.send_message_batch
    asked: list[Any] = []

    def answer(**call: Any) -> Any:
        asked.append(call)
        if (raised := error()) is not None:
            raise raised
        return send(**call)

    monkeypatch.setattr(sender, "send_message_batch", answer)
    return asked


def unreachable() -> Exception:
    return EndpointConnectionError(endpoint_url="https://sqs")


def refused(code: str) -> Exception:
    told: Any = {"Error": {"Code": code, "Message": ""}}
    return ClientError(told, "SendMessageBatch")


def test_a_queue_that_is_gone_concerns_no_other(sqs: None) -> None:
    delete("signups")
    for _ in range(2 * FAILURES):
        bad, good = errors(signup_requested(), order_created())
        assert bad is not None
        assert not bad.is_away
        assert good is None
    (shut,) = errors(signup_requested())
    assert shut is not None
    assert (str(shut), shut.was_asked) == ("NonExistentQueue", False)


def test_a_queue_whose_key_is_refused_concerns_no_other(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = iter(["AccessDenied"] * FAILURES)
    answering(monkeypatch, lambda: refused(code) if (code := next(codes, "")) else None)
    for _ in range(FAILURES + 1):
        (bad,) = errors(signup_requested())
        assert str(bad) == "AccessDenied"
    assert errors(order_created()) == [None]


def test_an_sqs_that_no_call_reaches_is_left_alone_by_all(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, unreachable)
    for _ in range(FAILURES):
        assert errors(signup_requested()) != [None]
    (error,) = errors(order_created())
    assert error is not None
    assert (error.is_away, error.was_asked) == (True, False)
    assert len(asked) == FAILURES


def test_credentials_that_are_missing_are_no_failure_of_sqs(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = [CredentialsError(error="none") for _ in range(2 * FAILURES)]
    answering(monkeypatch, lambda: raised.pop() if raised else None)
    while raised:
        (error,) = errors(order_created())
        assert error is not None
        assert (str(error), error.was_asked) == ("CredentialsError", True)
    assert errors(order_created(), signup_requested()) == [None, None]


def test_sends_that_open_a_breaker_or_meet_an_open_one_are_counted(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = CIRCUIT_OPEN.totals()
    delete("signups")
    for _ in range(FAILURES + 2):
        errors(signup_requested(), order_created())
    risen = {
        queue: number - before[queue,]
        for (queue,), number in CIRCUIT_OPEN.totals().items()
    }
    assert {queue: number for queue, number in risen.items() if number} == {
        "signups": 3
    }


def test_a_refusal_shows_that_sqs_can_be_reached(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = [unreachable(), unreachable(), refused("InternalError")] * 3
    asked = answering(monkeypatch, lambda: raised.pop(0) if raised else None)
    for _ in range(3):
        errors(signup_requested(), signup_requested())
        errors(order_created())
        errors(order_created())
    assert len(asked) == 9


def test_nine_refusals_for_good_do_not_open_the_breaker(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = [refused("InvalidMessageContents") for _ in range(9)]
    answering(monkeypatch, lambda: raised.pop() if raised else None)
    for _ in range(9):
        (error,) = errors(order_created())
        assert error is not None
        assert error.for_good
    assert errors(order_created(), signup_requested()) == [None, None]


def test_a_refusal_for_good_ends_the_pause_of_its_queue(
    sqs: None, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    codes = ["InternalError"] * FAILURES + ["InvalidMessageContents"]
    answering(monkeypatch, lambda: refused(codes.pop(0)) if codes else None)
    for _ in range(FAILURES):
        errors(order_created())
    clock[0] += PAUSE
    assert [one and one.for_good for one in errors(order_created())] == [True]
    assert errors(order_created()) == [None]


def test_as_a_last_resort_a_breaker_that_is_open_is_tried_and_so_shut(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = [unreachable() for _ in range(FAILURES)]
    answering(monkeypatch, lambda: raised.pop() if raised else None)
    for _ in range(FAILURES):
        errors(order_created())
    with pytest.raises(SendError):
        publisher.publish(order_created())
    assert publisher.publish_after_all(order_created())
    assert publisher.publish(order_created())


def test_a_last_resort_that_fails_is_not_tried_by_all(
    sqs: None, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    asked = answering(monkeypatch, unreachable)
    for _ in range(10):
        with pytest.raises(SendError):
            publisher.publish_after_all(order_created())
    assert len(asked) == 1
    clock[0] += LAST_RESORT_PAUSE
    with pytest.raises(SendError):
        publisher.publish_after_all(order_created())
    assert len(asked) == 2


def test_a_last_resort_that_works_again_is_open_to_all(
    sqs: None, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    raised = [unreachable()]
    answering(monkeypatch, lambda: raised.pop() if raised else None)
    with pytest.raises(SendError):
        publisher.publish_after_all(order_created())
    clock[0] += LAST_RESORT_PAUSE
    for _ in range(3):
        assert publisher.publish_after_all(order_created())


@pytest.mark.parametrize(("last_resort", "calls"), [(False, FAILURES), (True, 1)])
def test_a_split_batch_asks_an_sqs_that_falls_silent_as_seldom_as_any_other(
    sqs: None,
    monkeypatch: pytest.MonkeyPatch,
    clock: list[float],
    last_resort: bool,
    calls: int,
) -> None:
    raised = [refused("InvalidMessageContents")]
    asked = answering(monkeypatch, lambda: raised.pop() if raised else unreachable())
    events = [order_created() for _ in range(5)]
    batch = [(one, entries.of_event(one, Attributes({}), "orders")) for one in events]
    sent = send_batch("orders", batch, last_resort=last_resort)
    assert all(one.error is not None for one in sent)
    assert len(asked) == 1 + calls


@pytest.mark.parametrize(
    ("said", "opened"),
    [
        (
            lambda all_: all_.took("orders"),
            {"whole", "orders", "last resort of orders"},
        ),
        (lambda all_: all_.refused("orders", "x", last_resort=False), {"whole"}),
        (lambda all_: all_.refused("orders", "x", last_resort=True), {"whole"}),
        (lambda all_: all_.no_answer("orders", "x", last_resort=True), set()),
    ],
    ids=["took", "refused", "refused as a last resort", "no answer"],
)
def test_an_answer_opens_the_ways_that_it_is_about_and_no_other(
    clock: list[float], said: Callable[[Breakers], None], opened: set[str]
) -> None:
    shut = Breakers(["orders", "emails"])
    for queue in ("orders", "emails"):
        for _ in range(FAILURES):
            shut.refused(queue, "AccessDenied", last_resort=True)
    for _ in range(FAILURES):
        shut.no_answer("emails", "Timeout", last_resort=False)
    said(shut)
    assert {name for name, one in ways(shut).items() if not one.is_open} == opened


@pytest.mark.parametrize(
    ("last_resort", "counted"),
    [(False, {"orders"}), (True, {"orders", "last resort of orders"})],
)
def test_a_failure_counts_for_its_queue_and_as_a_last_resort_once_more(
    clock: list[float], last_resort: bool, counted: set[str]
) -> None:
    breakers = Breakers(["orders", "emails"])
    breakers.refused("orders", "AccessDenied", last_resort=last_resort)
    assert {name for name, one in ways(breakers).items() if one.reason} == counted
    breakers.no_answer("emails", "Timeout", last_resort=False)
    assert breakers.whole.reason == "Timeout"


def ways(breakers: Breakers) -> dict[str, Breaker]:
    last = {f"last resort of {name}": o for name, o in breakers._last_resorts.items()}
    return {"whole": breakers.whole, **breakers._queues, **last}
