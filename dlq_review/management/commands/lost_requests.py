import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from dlq_review.monitoring import accepted


class Command(BaseCommand):
    help = (
        "Print each request id that the log of the web processes calls accepted and that has"
        " no row here. Run it after a restore, once the queues are empty: then these are lost."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "logs",
            nargs="+",
            metavar="LOG",
            help="a log of the web processes, or request ids, one a line; - for stdin",
        )

    def handle(self, *, logs: list[str], **options: Any) -> None:
        """Exits with 1 if it prints any."""
        ids = set(accepted.request_ids("\n".join(map(_text, logs)).splitlines()))
        if not ids:
            raise CommandError(
                "No line says which request was accepted. Give the logs of the web"
                " processes, with LOG_LEVEL=INFO, or request ids, one a line."
            )
        try:
            missing = list(accepted.without_a_row(sorted(ids)))
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer ({type(error).__name__}). Try again when"
                " it is back."
            ) from None
        for request_id in missing:
            self.stdout.write(request_id)
        self.stderr.write(_verdict(len(missing), len(ids)))
        if missing:
            sys.exit(1)


def _text(log: str) -> str:
    try:
        return sys.stdin.read() if log == "-" else Path(log).read_text(errors="replace")
    except OSError as error:
        raise CommandError(f"{log} cannot be read: {error.strerror}.") from None


def _verdict(missing: int, accepted: int) -> str:
    if not missing:
        return f"Each of {accepted} accepted requests has a row."
    return (
        f"{missing} of {accepted} accepted requests have no row. While a queue holds messages"
        " (manage.py books), they may wait there. Once the queues are empty they are lost:"
        " ask their senders to send them again."
    )
