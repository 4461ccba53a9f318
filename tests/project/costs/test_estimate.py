"""The bill is the sum of amounts times prices, and says where each amount comes from."""

from dataclasses import replace
from math import isclose

import pytest

from project.costs import estimate, measured, prices
from project.costs.estimate import (
    Basis,
    Line,
    Traffic,
    break_even,
    fixed,
    holdfast,
    on_lambda,
    total,
)

STEADY = Traffic(orders=1_000_000, mix={"steady": 1.0})


def line(lines: list[Line], what: str) -> Line:
    (found,) = [one for one in lines if one.what == what]
    return found


def test_calls_to_sqs_are_those_of_the_pattern() -> None:
    calls = line(holdfast(STEADY), "SQS: send, receive, delete")
    assert calls.amount == pytest.approx(1_450_000)
    assert calls.dollars == pytest.approx(0.58)
    half = replace(STEADY, mix={"trickle": 0.5, "burst": 0.5})
    mixed = line(holdfast(half), "SQS: send, receive, delete")
    assert mixed.amount == pytest.approx(1_670_000)


def test_a_failed_attempt_costs_a_receive_and_a_change_of_its_visibility() -> None:
    failing = replace(STEADY, failures=0.25, failures_from=Basis.HERE)
    for bill in (holdfast(failing), on_lambda(failing, 50)):
        retries = line(bill, "SQS: retries")
        assert (retries.amount, retries.basis) == (500_000, Basis.HERE)


def test_calls_to_a_fifo_queue_have_their_own_price() -> None:
    bill = holdfast(replace(STEADY, fifo=True))
    assert line(bill, "SQS: send, receive, delete").price is prices.SQS_FIFO
    assert line(bill, "SQS: polls and jobs").price is prices.SQS


def test_tasks_are_added_with_the_processor_time_of_the_orders() -> None:
    whats = [one.what for one in holdfast(replace(STEADY, orders=1))]
    assert not any("more" in what for what in whats)
    # 2.55 ms each, and a task gives half of a quarter of a vCPU for 730 hours.
    bill = holdfast(replace(STEADY, orders=200_000_000))
    assert line(bill, "worker: 1 more").amount == 730 * measured.TASK_CPU
    bill = holdfast(replace(STEADY, orders=1_000_000_000))
    assert line(bill, "worker: 7 more").amount == 7 * 730 * measured.TASK_CPU


def test_lambda_receives_as_many_at_once_as_our_worker_and_pays_for_the_time() -> None:
    bill = on_lambda(STEADY, 200)
    assert line(bill, "Lambda: invocations").amount == pytest.approx(310_000)
    assert line(bill, "Lambda: time").amount == pytest.approx(100_000)
    assert line(bill, "SQS: send, receive, delete").amount == pytest.approx(1_620_000)


def test_what_a_month_without_orders_costs_does_not_depend_on_the_orders() -> None:
    small, large = STEADY, replace(STEADY, orders=10 * STEADY.orders)
    assert isclose(fixed(holdfast(small)), fixed(holdfast(large)))
    assert fixed(holdfast(small)) < total(holdfast(small)) < total(holdfast(large))


@pytest.mark.parametrize("pattern", measured.PATTERNS)
def test_from_the_break_even_on_holdfast_costs_less(pattern: str) -> None:
    traffic = replace(STEADY, mix={pattern: 1.0})
    orders = break_even(traffic, 50)
    assert orders is not None
    fewer = replace(traffic, orders=orders * 95 // 100)
    at = replace(traffic, orders=orders)
    assert total(holdfast(fewer)) > total(on_lambda(fewer, 50))
    assert total(holdfast(at)) < total(on_lambda(at, 50))


def test_there_may_be_no_break_even(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "MOST", 1_000_000)
    assert break_even(STEADY, 50) is None
