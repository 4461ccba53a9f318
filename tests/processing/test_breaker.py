from typing import Any

import pytest

from processing import breaker, queues, sending
from processing.breaker import FAILURES, PAUSE, Breaker
from tests.builders import order_created


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(breaker, "monotonic", lambda: now[0])
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
    results = [sending.publish_many([order_created()])[0] for _ in range(FAILURES + 5)]
    assert {str(one.error) for one in results} == {"EndpointConnectionError"}
    assert len(asked) == FAILURES
