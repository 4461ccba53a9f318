"""Exit codes: 0 all done (or a dry run), 2 nothing matched, 3 some were refused,
5 SQS did not take them, 1 wrong usage.
"""

from collections import Counter
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet

from dlq_review import redriving
from dlq_review.actions import may
from dlq_review.models import DeadLetter
from dlq_review.selecting import Selection
from dlq_review.transitions import ReviewError
from processing.events import CONTRACTS
from processing.topology import QUEUES

NOTHING, REFUSED, NOT_SENT = 2, 3, 5


class Command(BaseCommand):
    help = (
        "Send dead letters back to their queues. Shows what it would do; --apply does it. "
        f"{__doc__}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_argument_group("which (together they narrow)")
        which.add_argument(
            "--ids", nargs="+", default=[], help="number, request id, reference"
        )
        which.add_argument("--queue", choices=list(QUEUES), default="")
        which.add_argument("--type", choices=list(CONTRACTS), default="")
        which.add_argument("--error", default="", help="error type, as in TimeoutError")
        which.add_argument("--all", action="store_true", help="all that wait")
        parser.add_argument(
            "--limit", type=int, help="at most so many, the oldest first"
        )
        parser.add_argument("--apply", action="store_true", help="do it")
        parser.add_argument(
            "--by", default="", help="your user name, for the audit trail"
        )
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options)
        if not chosen.exists():
            raise CommandError("No dead letter matches.", returncode=NOTHING)
        if not options["apply"]:
            self._show(chosen)
            return
        self._check_user(options["by"])
        self._redrive(chosen, by=options["by"], reason=options["reason"])

    def _chosen(self, options: dict[str, Any]) -> QuerySet[DeadLetter]:
        by = {name: options[name] for name in ("ids", "queue", "type", "error")}
        if not any(by.values()) and not options["all"]:
            raise CommandError("Say which: --ids, --queue, --type, --error or --all.")
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit is at least 1.")
        return Selection(**by).letters()[: options["limit"]]

    def _show(self, chosen: QuerySet[DeadLetter]) -> None:
        kinds = Counter(
            f"{letter.queue}  {letter.type or 'unreadable'}  {letter.error_type}"
            for letter in chosen.iterator()
        )
        for kind, count in kinds.most_common():
            self.stdout.write(f"{count:>7}  {kind}")
        self.stdout.write(
            f"{kinds.total():>7}  in all; nothing was sent. Add --apply --by USER."
        )

    def _check_user(self, name: str) -> None:
        if not name:
            raise CommandError(
                "--apply needs --by USER: the audit trail names who did it."
            )
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {name}.")
        if not may(user, "redrive"):
            raise CommandError(f"{name} does not have the permission to redrive.")

    def _redrive(self, chosen: QuerySet[DeadLetter], *, by: str, reason: str) -> None:
        results: Counter[str] = Counter()
        for letter in list(chosen):
            try:
                results[redriving.redrive(letter, by=by, reason=reason)] += 1
            except redriving.NotSentError as error:
                results["not sent"] += 1
                self.stderr.write(f"{letter.pk} {letter.request_id}: {error}")
            except ReviewError as error:
                results["refused"] += 1
                self.stderr.write(f"{letter.pk} {letter.request_id}: {error}")
        told = ", ".join(f"{count} {what}" for what, count in results.items())
        self.stdout.write(told)
        if results["not sent"]:
            raise CommandError("SQS did not take all.", returncode=NOT_SENT)
        if results["refused"]:
            raise CommandError("Some were refused; see above.", returncode=REFUSED)
