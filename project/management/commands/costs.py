from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from processing.sqs.topology import QUEUES
from project.costs import measured, report, rows
from project.costs.estimate import MOST, Basis, Traffic, holdfast, on_lambda


class Command(BaseCommand):
    help = (
        "Show what a month of orders costs on AWS, and the same with Lambda beside it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--orders", type=_orders, required=True, help="in a month, such as 1000000"
        )
        parser.add_argument(
            "--pattern",
            choices=measured.PATTERNS,
            help="how orders come; by default as they came here in the last seven days",
        )
        parser.add_argument(
            "--lambda-ms",
            type=_ms,
            default=measured.LAMBDA_MS,
            help="milliseconds of one order in Lambda (default: %(default)s)",
        )
        parser.add_argument("--json", action="store_true", help="for a program")

    def handle(
        self,
        *,
        orders: int,
        pattern: str | None,
        lambda_ms: float,
        json: bool,
        **options: Any,
    ) -> None:
        try:
            counted = rows.count()
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer, or has no tables ({type(error).__name__}), so"
                " nothing can be counted. Start it, correct DATABASE_URL or run manage.py"
                " migrate."
            ) from None
        traffic = _traffic(orders, pattern, counted)
        bills = {
            "Holdfast": holdfast(traffic),
            "API Gateway, Lambda, DynamoDB": on_lambda(traffic, lambda_ms),
        }
        if json:
            self.stdout.write(report.as_json(traffic, bills))
            return
        for name, lines in bills.items():
            self.stdout.write(report.as_table(name, lines, orders))
        for sentence in report.sources(traffic, pattern, counted, lambda_ms):
            self.stdout.write(sentence)


def _orders(text: str) -> int:
    number = text.replace(",", "").replace("_", "")
    if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= MOST):
        raise ArgumentTypeError(
            f"{text!r} is no number of orders. Give a whole number from 1 to {MOST:,},"
            " such as 1000000."
        )
    return int(number)


def _ms(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 900_000:  # what Lambda allows
        raise ArgumentTypeError(f"{text!r} is no time. Give 1 to 900000 milliseconds.")
    return number


def _traffic(orders: int, pattern: str | None, counted: rows.Counted) -> Traffic:
    as_here = pattern is None and counted.suffices
    known = counted.table_bytes is not None
    return Traffic(
        orders=orders,
        mix=counted.mix if as_here else {pattern or "trickle": 1.0},
        failures=counted.failures if counted.suffices else 0,
        table_bytes=counted.table_bytes or measured.TABLE_BYTES,
        fifo=QUEUES["orders"].fifo,
        mix_from=Basis.HERE if as_here else Basis.ASSUMED,
        failures_from=Basis.HERE if counted.suffices else Basis.ASSUMED,
        bytes_from=Basis.HERE if known else Basis.BENCHMARK,
    )
