from time import sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from dlq_review.pull import puller, refused_by_sqs
from processing.sqs.topology import QUEUES


class Command(BaseCommand):
    help = "Pull dead letters from their queues into the database."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group(required=True)
        how.add_argument(
            "--once", action="store_true", help="until every DLQ is empty, then stop"
        )
        how.add_argument("--follow", action="store_true", help="until interrupted")
        parser.add_argument("--queue", choices=list(QUEUES), help="only this one's DLQ")
        parser.add_argument(
            "--pause",
            type=float,
            default=5.0,
            help="seconds between two rounds of --follow (default 5)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        queue = options["queue"]
        dlqs = (QUEUES[queue].dlq,) if queue else puller.DLQS
        try:
            while self._pull(dlqs) or options["follow"]:
                if options["follow"]:
                    sleep(options["pause"])
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def _pull(self, dlqs: tuple[str, ...]) -> bool:
        """One round; whether another may find more."""
        done = puller.pull(dlqs)
        adopted = refused_by_sqs.adopt()
        self.stdout.write(
            f"{done.stored} stored, {done.known} known before, {done.left} left in the DLQ"
        )
        if done.not_deleted:
            self.stdout.write(
                f"{done.not_deleted} not deleted from the DLQ: SQS shows them again"
            )
        if adopted:
            self.stdout.write(f"{adopted} taken from the spool: SQS refused them")
        return done.moved or adopted > 0
