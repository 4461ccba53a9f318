from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
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
            type=int,
            default=settings.RETENTION_DAYS,
            help="settled so many days ago (default: RETENTION_DAYS)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say how many there are"
        )

    def handle(self, *, days: int, dry_run: bool, **options: Any) -> None:
        if days < 1:
            raise CommandError("RETENTION_DAYS is 0: nothing is purged. Give --days.")
        if days > periods.LONGEST:
            raise CommandError(f"{periods.LONGEST} days are the most.")
        before = timezone.now() - timedelta(days=days)
        total = retention.due(before)
        if dry_run:
            self.stdout.write(f"{total} dead letters were settled {days} days ago.")
            for label in rows.due():
                self.stdout.write(f"{label} holds rows to delete.")
            self._tell_unarchived(before)
            return
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

                retention.purge(before, progress=progress)
                rows.purge(progress=deleted)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        self.stdout.write(f"{done.pop('purged', 0)} purged.")
        for label, number in done.items():
            self.stdout.write(f"{number} rows of {label} deleted.")
        self._tell_unarchived(before)

    def _tell_unarchived(self, before: datetime) -> None:
        if kept := retention.unarchived(before).count():
            self.stdout.write(f"{kept} more are kept until the archive has them.")
