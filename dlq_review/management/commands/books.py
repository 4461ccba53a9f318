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

from dlq_review.groups import counter_drift
from dlq_review.monitoring import books


class Command(BaseCommand):
    help = "Show where every request is, and which are unaccounted for or overdue."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--strict", action="store_true", help="exit with 1 when there is any"
        )
        parser.add_argument("--json", action="store_true", help="for a monitor")
        parser.add_argument(
            "--mend",
            action="store_true",
            help="first set the counters of failure groups that differ from their letters",
        )

    def handle(
        self, *, strict: bool, json: bool, mend: bool = False, **options: Any
    ) -> None:
        try:
            for drift in counter_drift.mend() if mend else ():
                self.stderr.write(f"Mended {drift}.")
            closed = books.close()
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer ({type(error).__name__}), so nothing can"
                " be added up. Try again when it is back."
            ) from None
        self.stdout.write(_as_json(closed) if json else _as_table(closed))
        if strict and not closed.balanced:
            sys.exit(1)


def _as_json(closed: books.Books) -> str:
    figures = {**asdict(closed), "balanced": closed.balanced}
    return json.dumps(figures, cls=DjangoJSONEncoder)


def _as_table(closed: books.Books) -> str:
    console = Console(width=80)
    table = Table("what", "where", "number", title=f"Books of {closed.at:%F %T} UTC")
    table.columns[2].justify = "right"
    for what, where, number in _lines(closed):
        table.add_row(what, where, number)
    with console.capture() as printed:
        console.print(table)
    return printed.get() + verdict(closed)


def _lines(closed: books.Books) -> list[tuple[str, str, str]]:
    spool = closed.spool
    oldest = f", oldest {spool.oldest:%F %T}" if spool.oldest else ""
    return [
        *(
            ("queue", f"{name}, visible / in flight", f"{at.visible} / {at.in_flight}")
            for name, at in (closed.depths or {}).items()
        ),
        ("spool", f"waiting{oldest}", str(spool.waiting)),
        ("spool", "refused for good", str(spool.refused_for_good)),
        *(("outcomes", kind, str(n)) for kind, n in closed.outcomes.items()),
        *(("dead letters", state, str(n)) for state, n in closed.dead_letters.items()),
        *(("drift", drift, "") for drift in closed.drifts),
    ]


def verdict(closed: books.Books) -> str:
    if closed.balanced:
        return "The books balance: nothing is unaccounted for, nothing is overdue."
    found = "; ".join(f"{n} {what}" for what, n in closed.discrepancies.items())
    return f"The books do NOT balance: {found}."
