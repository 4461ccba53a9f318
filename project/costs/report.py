"""The bills as a table and sentences for people, and as JSON for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from project.costs import measured, prices, rows
from project.costs.estimate import (
    MONTH_SECONDS,
    Basis,
    Line,
    Traffic,
    break_even,
    fixed,
    total,
)


def as_json(traffic: Traffic, bills: dict[str, list[Line]]) -> str:
    found = {
        name: {
            "dollars": total(lines),
            "dollars_without_orders": fixed(lines),
            "lines": [{**asdict(line), "dollars": line.dollars} for line in lines],
        }
        for name, lines in bills.items()
    }
    figures = {"prices_of": prices.READ_ON, "traffic": asdict(traffic), "bills": found}
    return json.dumps(figures, indent=2)


def as_table(name: str, lines: list[Line], orders: int) -> str:
    console = Console(width=100)
    table = Table(name, "amount", "of", "$ a month", "from")
    for column in (table.columns[1], table.columns[3]):
        column.justify = "right"
    for line in lines:
        amount = f"{line.amount:,.0f}" if line.amount >= 100 else f"{line.amount:,.2f}"
        dollars = f"{line.dollars:,.2f}"
        table.add_row(line.what, amount, line.price.per, dollars, line.basis.value)
    table.add_section()
    table.add_row("in all", "", "", f"{total(lines):,.2f}", "")
    table.add_row("of that with no order", "", "", f"{fixed(lines):,.2f}", "")
    million = (total(lines) - fixed(lines)) / orders * 1e6
    table.add_row("each million orders", "", "", f"{million:,.2f}", "")
    with console.capture() as printed:
        console.print(table)
    return printed.get()


def sources(
    traffic: Traffic, pattern: str | None, counted: rows.Counted, lambda_ms: float
) -> Iterator[str]:
    mix = ", ".join(f"{part:.0%} {name}" for name, part in traffic.mix.items() if part)
    if traffic.mix_from is Basis.HERE:
        yield f"Counted here: {counted.orders:,} orders in 7 days come as {mix}."
    elif pattern is None:
        yield (
            f"Too few to count: {counted.orders:,} orders in 7 days, {rows.ENOUGH:,} are"
            " needed. So orders come as trickle, which costs most. Choose with --pattern."
        )
    if counted.suffices:
        yield f"Counted here: {counted.failures:.4f} failed attempts an order."
    else:
        yield "Not counted here: failed attempts. None is assumed."
    if traffic.bytes_from is Basis.HERE:
        yield f"Counted here: {traffic.table_bytes:,.0f} bytes of tables an order."
    else:
        yield (
            f"By the benchmark: {traffic.table_bytes:,.0f} bytes of tables an order."
            f" PostgreSQL with {rows.ENOUGH:,} orders counts its own."
        )
    yield "By the benchmark: calls to SQS, processor time and bytes of logs an order."
    yield from _limits(traffic, lambda_ms)
    yield f"Assumed: {lambda_ms:g} ms an order in Lambda; sizes of tasks and database."
    yield f"List prices of {prices.REGION}, read on {prices.READ_ON}. See docs/costs.md."


def _limits(traffic: Traffic, lambda_ms: float) -> Iterator[str]:
    cheaper_from = break_even(traffic, lambda_ms)
    if cheaper_from is None:
        yield "With such orders, Lambda costs less at any number of them."
    else:
        yield f"With such orders, Holdfast costs less from about {_rounded(cheaper_from):,} a month."
    per_second = traffic.orders / MONTH_SECONDS
    if per_second > measured.MANY:
        yield (
            f"These are {per_second:,.0f} orders a second on average, too many for the database"
            " in this bill. See docs/scaling.md."
        )


def _rounded(number: int) -> int:
    """To two digits."""
    return round(number, 2 - len(str(number)))
