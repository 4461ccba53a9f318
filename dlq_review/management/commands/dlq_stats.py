"""Exit codes: 0; 1 more are open than --fail-over allows; 2 the database does not answer."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dlq_review.bodies import formatting
from dlq_review.monitoring import stats
from dlq_review.monitoring.stats import Stats
from processing.sqs.topology import QUEUES

TOO_MANY, NO_DATABASE = 1, 2
WIDTH = 110


class Command(BaseCommand):
    help = f"Say how many dead letters wait, by queue, and what fails most. {__doc__}"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", choices=list(QUEUES), help="only this one")
        parser.add_argument("--json", action="store_true", help="for a monitor")
        parser.add_argument(
            "--fail-over",
            type=int,
            metavar="N",
            help="exit with 1 when more than N are open",
        )

    def handle(self, *, queue: str | None, json: bool, **options: Any) -> None:
        most = options["fail_over"]
        try:
            found = stats.stats((queue,) if queue else tuple(QUEUES))
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer ({type(error).__name__}), so nothing can "
                "be counted. Try again when it is back.",
                returncode=NO_DATABASE,
            ) from None
        self.stdout.write(_as_json(found) if json else _as_tables(found))
        if most is not None and found.open > most:
            self.stderr.write(f"{found.open} are open, more than {most}.")
            sys.exit(TOO_MANY)


def _as_json(found: Stats) -> str:
    return json.dumps({**asdict(found), "open": found.open}, cls=DjangoJSONEncoder)


def _as_tables(found: Stats) -> str:
    console = Console(width=WIDTH)
    with console.capture() as printed:
        console.print(_queues(found))
        if found.groups:
            console.print(_groups(found))
    return printed.get() + f"{found.open} open in all."


def _queues(found: Stats) -> Table:
    limits = ("SQS 24 h", "SQS 72 h")
    names = ("open", "failed 2 h", "oldest", *limits, "redriven", "overdue")
    table = Table(
        "queue", *names, "in DLQ", title=f"Dead letters at {found.at:%F %T} UTC"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found.queues:
        table.add_row(
            one.name,
            str(one.open),
            str(one.failing_now),
            f"{one.oldest:%F %H:%M}" if one.oldest else "–",
            str(one.expiring_24h),
            str(one.expiring_72h),
            str(one.redriven),
            str(one.overdue),
            "?" if one.dlq is None else str(one.dlq),
        )
    return table


def _groups(found: Stats) -> Table:
    table = Table("group", "open", "queue", "type", "error", "state", "last failed")
    table.title = "Most frequent failures"
    for one in found.groups:
        table.add_row(
            str(one.number),
            str(one.waiting),
            one.queue,
            Text(formatting.one_line(one.type) or "unreadable"),
            Text(formatting.one_line(one.error)),
            one.state,
            f"{one.last_seen:%F %H:%M}",
        )
    return table
