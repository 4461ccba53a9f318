"""docs/costs.md has the figures that the command computes with."""

import re

import pytest

from project.costs import measured
from project.costs.estimate import (
    Traffic,
    break_even,
    fixed,
    holdfast,
    on_lambda,
    total,
)
from tests.documents import document

COSTS = " ".join(document("costs.md").split())
MONTH = re.findall(r"\| ([\d,]+) \| (\w+) \| ([\d.]+) \| ([\d.]+) \|", COSTS)


@pytest.mark.parametrize("row", MONTH)
def test_each_month_of_the_table_costs_so(row: tuple[str, ...]) -> None:
    orders, pattern, ours, theirs = row
    traffic = Traffic(orders=int(orders.replace(",", "")), mix={pattern: 1.0})
    assert f"{total(holdfast(traffic)):.2f}" == ours
    assert f"{total(on_lambda(traffic, measured.LAMBDA_MS)):.2f}" == theirs


def test_what_one_order_takes_is_as_the_command_has_it() -> None:
    assert len(MONTH) == 5
    patterns = measured.PATTERNS.values()
    for title, figure, digits in (
        ("SendMessageBatch", "sends", 2),
        ("ReceiveMessage", "receives", 2),
        ("DeleteMessageBatch", "deletes", 2),
        ("web, ms of processor time", "web_cpu_ms", 2),
        ("worker, ms of processor time", "worker_cpu_ms", 2),
        ("bytes of logs", "log_bytes", 0),
    ):
        cells = " | ".join(f"{getattr(one, figure):.{digits}f}" for one in patterns)
        assert f"| {title} | {cells} |" in COSTS
    assert f"indexes take {measured.TABLE_BYTES:,} bytes" in COSTS


def test_what_is_said_of_an_idle_month_and_of_a_million_orders_is_so() -> None:
    steady = Traffic(orders=1_000_000, mix={"steady": 1.0})
    bills = holdfast(steady), on_lambda(steady, measured.LAMBDA_MS)
    ours, theirs = (f"{fixed(bill):.2f}" for bill in bills)
    assert f"Holdfast costs {ours} and the Lambda pattern {theirs}**" in COSTS
    ours, theirs = (f"{total(bill) - fixed(bill):.2f}" for bill in bills)
    assert f"adds {ours} to Holdfast and {theirs} to the Lambda pattern" in COSTS
    shared = sum(one.dollars for one in bills[0] if one.what in SHARED)
    assert f"these are {shared:.2f} of the" in COSTS


SHARED = ("load balancer", "PostgreSQL")


@pytest.mark.parametrize("pattern", measured.PATTERNS)
def test_the_break_even_is_told(pattern: str) -> None:
    found = break_even(Traffic(1, mix={pattern: 1.0}), measured.LAMBDA_MS)
    assert found is not None
    assert f"{round(found, 2 - len(str(found))):,}" in COSTS
