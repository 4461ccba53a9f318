from argparse import ArgumentTypeError
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from rich.progress import Progress

from dlq_review.letters import retention
from dlq_review.retention import periods, rows


class Command(BaseCommand):
    help = (
        "Remove the bodies of letters that were settled long ago, then the rows that are "
        "older than docs/retention.md says. Ctrl-C stops it; the next run goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days",
            type=_days,
            default=settings.RETENTION_DAYS,
            help="settled so many days ago (default: RETENTION_DAYS)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say how many there are"
        )

    def handle(self, *, days: int, dry_run: bool, **options: Any) -> None:
        try:
            self._purge(days, dry_run=dry_run)
        except DatabaseError as error:
            raise CommandError(
                f"The database does not answer, or has no tables ({type(error).__name__})."
                " Start it, correct DATABASE_URL or run manage.py migrate; then run this again."
            ) from None

    def _purge(self, days: int, *, dry_run: bool) -> None:
        before = timezone.now() - timedelta(days=days) if days else None
        total = retention.due(before) if before else 0
        if before is None:
            self.stdout.write("RETENTION_DAYS is 0: letters keep their bodies.")
        elif dry_run:
            self.stdout.write(f"{total} dead letters were settled {days} days ago.")
        if dry_run:
            for label in rows.due():
                self.stdout.write(f"{label} holds rows to delete.")
        else:
            self._delete(before, total)
        if before:
            self._tell_unarchived(before)

    def _delete(self, before: datetime | None, total: int) -> None:
        done: Counter[str] = Counter()
        try:
            with Progress(disable=not self.stdout.isatty()) as bar:
                row = bar.add_task("Purging", total=total)

                def progress(so_far: int) -> None:
                    done["purged"] = so_far
                    bar.update(row, completed=so_far)

                def deleted(label: str, so_far: int) -> None:
                    done[label] = so_far
                    bar.update(row, description=f"Deleting {label}")

                if before:
                    retention.purge(before, progress=progress)
                rows.purge(progress=deleted)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        self.stdout.write(f"{done.pop('purged', 0)} purged.")
        for label, number in done.items():
            self.stdout.write(f"{number} rows of {label} deleted.")

    def _tell_unarchived(self, before: datetime) -> None:
        if kept := retention.unarchived(before).count():
            self.stdout.write(f"{kept} more are kept until the archive has them.")


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= periods.LONGEST):
        raise ArgumentTypeError(
            f"{text!r} is no number of days. Give --days 1 to {periods.LONGEST}."
        )
    return int(text)
