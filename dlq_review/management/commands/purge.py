from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.progress import Progress

from dlq_review.letters import retention


class Command(BaseCommand):
    help = (
        "Remove the bodies of letters that were settled long ago. Ids, states and history stay. "
        "Ctrl-C stops it; the next run goes on."
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

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days < 1:
            raise CommandError("RETENTION_DAYS is 0: nothing is purged. Give --days.")
        before = timezone.now() - timedelta(days=days)
        total = retention.due(before)
        if options["dry_run"]:
            self.stdout.write(f"{total} dead letters were settled {days} days ago.")
            return
        done = 0
        try:
            with Progress(disable=not self.stdout.isatty()) as bar:
                row = bar.add_task("Purging", total=total)

                def progress(so_far: int) -> None:
                    nonlocal done
                    done = so_far
                    bar.update(row, completed=so_far)

                retention.purge(before, progress=progress)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        self.stdout.write(f"{done} purged.")
