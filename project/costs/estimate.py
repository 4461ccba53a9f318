"""The lines of two bills for one month: Holdfast, and API Gateway with Lambda and DynamoDB.

Pure functions: the same figures give the same bill.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil

from project.costs import measured, prices
from project.costs.measured import PATTERNS
from project.costs.prices import MONTH_HOURS, Price

GB = 1e9
MOST = 10**10  # orders a month
MONTH_SECONDS = MONTH_HOURS * 3600


class Basis(StrEnum):
    """Where the amount of a line comes from."""

    HERE = "counted here"
    BENCHMARK = "benchmark"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Traffic:
    """The orders of one month."""

    orders: int
    mix: Mapping[str, float]
    """The share of the orders that come in each pattern; together 1."""
    failures: float = 0.0
    """Failed attempts for each order."""
    table_bytes: float = measured.TABLE_BYTES
    fifo: bool = False
    mix_from: Basis = Basis.ASSUMED
    failures_from: Basis = Basis.ASSUMED
    bytes_from: Basis = Basis.BENCHMARK

    def each(self, figure: str) -> float:
        """A figure of `Pattern` for one order of this mix."""
        parts = (
            getattr(PATTERNS[one], figure) * part for one, part in self.mix.items()
        )
        return float(sum(parts))


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    amount: float
    price: Price
    basis: Basis
    fixed: bool = False
    """Paid for with no order at all."""

    @property
    def dollars(self) -> float:
        return self.amount * self.price.dollars


def holdfast(traffic: Traffic) -> list[Line]:
    orders = traffic.orders
    sqs = prices.SQS_FIFO if traffic.fifo else prices.SQS
    calls = sum(map(traffic.each, ("sends", "receives", "deletes")))
    logs, stored = traffic.each("log_bytes"), traffic.table_bytes
    benchmark, assumed = Basis.BENCHMARK, Basis.ASSUMED
    units = orders / measured.ORDERS_OF_A_BALANCER_UNIT
    return [
        Line("SQS: send, receive, delete", orders * calls, sqs, benchmark),
        Line("SQS: retries", orders * traffic.failures * 2, sqs, traffic.failures_from),
        Line("SQS: polls and jobs", measured.IDLE_CALLS, prices.SQS, benchmark, True),
        *_tasks("web", orders * traffic.each("web_cpu_ms")),
        *_tasks("worker", orders * traffic.each("worker_cpu_ms")),
        *_tasks("worker of the jobs", 0),
        *_tasks("beat", 0),
        Line("load balancer", MONTH_HOURS, prices.BALANCER, assumed, True),
        Line("load balancer: connections", units, prices.BALANCER_UNIT, assumed),
        Line("PostgreSQL", MONTH_HOURS, prices.DATABASE, assumed, True),
        Line(
            "PostgreSQL: rows", orders * stored / GB, prices.STORAGE, traffic.bytes_from
        ),
        Line("logs", orders * logs / GB, prices.LOGS, benchmark),
        Line("alarms", measured.ALARMS, prices.ALARM, assumed, True),
    ]


def _tasks(name: str, cpu_ms: float) -> list[Line]:
    """The first task is always there; more come with the processor time of the orders."""
    able = measured.TASK_CPU * measured.BUSY * MONTH_SECONDS * 1000
    more = max(1, ceil(cpu_ms / able)) - 1
    basis = Basis.BENCHMARK if cpu_ms else Basis.ASSUMED
    return [
        *_fargate(f"{name}: 1 task", 1, Basis.ASSUMED, fixed=True),
        *(_fargate(f"{name}: {more:,} more", more, basis) if more else ()),
    ]


def _fargate(what: str, tasks: int, basis: Basis, fixed: bool = False) -> list[Line]:
    hours = tasks * MONTH_HOURS
    return [
        Line(what, hours * measured.TASK_CPU, prices.FARGATE_CPU, basis, fixed),
        Line(
            f"{what}, memory",
            hours * measured.TASK_GB,
            prices.FARGATE_MEMORY,
            basis,
            fixed,
        ),
    ]


def on_lambda(traffic: Traffic, ms: float) -> list[Line]:
    """The same orders by API Gateway, SQS, Lambda and DynamoDB; *ms* of one order.

    Lambda receives as many messages at once as our worker does in the same pattern.
    """
    orders, sqs = traffic.orders, prices.SQS_FIFO if traffic.fifo else prices.SQS
    batches = orders * traffic.each("receives")
    seconds = orders * ms / 1000 * measured.LAMBDA_GB
    stored, logs = traffic.table_bytes, traffic.each("log_bytes")
    benchmark, assumed = Basis.BENCHMARK, Basis.ASSUMED
    return [
        Line("API Gateway", orders, prices.GATEWAY, assumed),
        Line("SQS: send, receive, delete", orders + 2 * batches, sqs, benchmark),
        Line("SQS: retries", orders * traffic.failures * 2, sqs, traffic.failures_from),
        Line("SQS: polls", measured.LAMBDA_IDLE_CALLS, prices.SQS, assumed, True),
        Line("Lambda: invocations", batches, prices.LAMBDA_CALL, benchmark),
        Line("Lambda: time", seconds, prices.LAMBDA_TIME, assumed),
        Line("DynamoDB: writes", orders, prices.DYNAMO_WRITE, assumed),
        Line("DynamoDB: reads", orders, prices.DYNAMO_READ, assumed),
        Line("DynamoDB: items", orders * stored / GB, prices.DYNAMO_STORAGE, assumed),
        Line("logs", orders * logs / GB, prices.LOGS, benchmark),
        Line("alarms", measured.ALARMS, prices.ALARM, assumed, True),
    ]


def total(lines: list[Line]) -> float:
    return sum(line.dollars for line in lines)


def fixed(lines: list[Line]) -> float:
    """What a month without an order costs."""
    return total([line for line in lines if line.fixed])


def break_even(traffic: Traffic, ms: float) -> int | None:
    """From how many orders a month Holdfast costs less than Lambda; None if from none.

    To one part in a hundred: each further task is a small step back.
    """
    orders = 1_000
    while orders <= MOST:
        asked = replace(traffic, orders=orders)
        if total(holdfast(asked)) < total(on_lambda(asked, ms)):
            return orders
        orders = ceil(orders * 1.01)
    return None
