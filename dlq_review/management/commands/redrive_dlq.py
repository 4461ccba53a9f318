"""Exit codes: 0 all done (or shown only), 1 wrong usage, 2 nothing matched,
3 some failed again or were skipped, 4 stopped by the brake, 5 SQS did not take them,
130 paused, by Ctrl-C or by somebody else.
"""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from dlq_review import freezing, selecting, steering, tallying, targets
from dlq_review.actions import may, may_operate
from dlq_review.fields import Condition, FieldError
from dlq_review.freezing import Plan
from dlq_review.management.driving import drive, reading, told
from dlq_review.models import Operation
from dlq_review.selecting import SINCE, Selection, since
from dlq_review.transitions import ReviewError
from processing.contracts import CONTRACTS
from processing.topology import EVENT_QUEUES, QUEUES

NOTHING, TROUBLE, BRAKED, NOT_SENT, PAUSED = 2, 3, 4, 5, 130


class Command(BaseCommand):
    help = (
        "Send dead letters back to their queues. Shows what it would do; --apply does "
        f"it, --operation N goes on with one that was paused. {__doc__}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_argument_group("which (together they narrow)")
        which.add_argument("--ids", nargs="+", default=[], help="or references")
        which.add_argument("--queue", choices=list(QUEUES), default="")
        which.add_argument("--type", choices=list(CONTRACTS), default="")
        which.add_argument("--error", default="", help="as in TimeoutError")
        which.add_argument("--group", type=int, help="number of the failure group")
        which.add_argument("--since", choices=list(SINCE), default="")
        which.add_argument(
            "--field",
            action="append",
            default=[],
            metavar="CONDITION",
            help="where the body says so, as in 'data.items[*].sku=TEA-1'; also != < <= > "
            ">= ~ (contains), a path alone (is there), !path (is not). May be repeated",
        )
        which.add_argument("--all", action="store_true", help="all that wait")
        which.add_argument("--limit", type=int, help="at most so many, oldest first")
        how = parser.add_argument_group("how")
        how.add_argument("--apply", action="store_true", help="do it")
        how.add_argument("--operation", type=int, help="go on with this one")
        how.add_argument("--by", default="", help="your user name, for the audit trail")
        how.add_argument("--reason", default="")
        how.add_argument(
            "--rate", type=int, default=50, help="messages a second, 1-500"
        )
        how.add_argument("--canary", type=int, default=0, help="send so many first")
        how.add_argument(
            "--stop-at", type=int, default=20, help="percent failed again; 100 never"
        )
        how.add_argument(
            "--to",
            choices=EVENT_QUEUES,
            default="",
            help="a queue that REDRIVE_TARGETS allows; the event's own otherwise",
        )
        how.add_argument(
            "--override-limit",
            action="store_true",
            help="also what was redriven too often; needs a --reason",
        )
        how.add_argument("--wait", action="store_true", help="until all is settled")
        how.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(options)
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped before anything was sent.", returncode=PAUSED
            ) from None

    def _handle(self, options: dict[str, Any]) -> None:
        if options["operation"]:
            operation = self._resumed(options)
        else:
            selection = _selection(options)
            _check_plan(options)
            if not options["apply"]:
                self._show(selection, options)
                return
            _check_user(options["by"], reads=bool(selection.fields))
            operation = self._started(selection, options)
        self._run(operation, options)
        self._report(operation, options)

    def _console(self) -> Console:
        return Console(file=self.stderr, force_terminal=None)  # type: ignore[arg-type]

    # -- choosing -------------------------------------------------------------------
    def _show(self, selection: Selection, options: dict[str, Any]) -> None:
        with reading(selection, self._console()) as heard:
            found = selecting.kinds(selection, heard)
        if not found:
            raise CommandError("No dead letter matches.", returncode=NOTHING)
        total = min(found.total(), options["limit"] or found.total())
        if options["json"]:
            rows = [
                {"queue": one.queue, "type": one.type, "error": one.error, "count": n}
                for one, n in found.most_common()
            ]
            self.stdout.write(json.dumps({"would_send": total, "kinds": rows}))
            return
        for kind, count in found.most_common():
            self.stdout.write(f"{count:>7}  {kind}")
        self.stdout.write(
            f"{total:>7}  in all; nothing was sent. Add --apply --by USER."
        )

    def _started(self, selection: Selection, options: dict[str, Any]) -> Operation:
        names = ("rate", "canary", "stop_at", "limit", "override_limit", "to")
        plan = Plan(**{name: options[name] for name in names})
        try:
            with reading(selection, self._console()) as heard:
                operation = freezing.freeze(
                    selection,
                    plan,
                    by=options["by"],
                    reason=options["reason"],
                    told=heard,
                )
        except freezing.NothingChosenError as error:
            raise CommandError(str(error), returncode=NOTHING) from None
        steering.start(operation, by=options["by"])
        return operation

    def _resumed(self, options: dict[str, Any]) -> Operation:
        operation = Operation.objects.filter(pk=options["operation"]).first()
        if operation is None:
            raise CommandError(f"There is no operation {options['operation']}.")
        _check_user(options["by"], kind=operation.kind)
        if operation.state == Operation.State.RUNNING:
            return operation  # whoever began it is gone, or a worker runs it: look on
        try:
            steering.resume(operation, by=options["by"])
        except ReviewError as error:
            raise CommandError(str(error)) from None
        return operation

    # -- running --------------------------------------------------------------------
    def _run(self, operation: Operation, options: dict[str, Any]) -> None:
        wait = options["wait"] or bool(operation.canary)
        try:
            drive(operation, self._console(), wait=wait)
        except KeyboardInterrupt:
            try:
                steering.pause(operation, by=options["by"])
            except ReviewError:  # it ended, or somebody else was faster
                return
            raise CommandError(
                _go_on("Paused.", operation), returncode=PAUSED
            ) from None

    def _report(self, operation: Operation, options: dict[str, Any]) -> None:
        operation.refresh_from_db()
        counts = tallying.tally(operation)
        if options["json"]:
            result = {"operation": operation.pk, "state": operation.state}
            self.stdout.write(json.dumps(result | dict(counts.by_state)))
        else:
            self.stdout.write(f"Operation {operation.pk}: {told(counts)}")
        if operation.halted.startswith("Brake"):
            raise CommandError(_go_on(operation.halted, operation), returncode=BRAKED)
        if operation.halted:
            raise CommandError(_go_on(operation.halted, operation), returncode=NOT_SENT)
        if operation.state == Operation.State.PAUSED:
            said = _go_on("Paused by somebody else.", operation)
            raise CommandError(said, returncode=PAUSED)
        if counts.failed_again or counts.skipped:
            raise CommandError("Not all went well; see above.", returncode=TROUBLE)


def _go_on(said: str, operation: Operation) -> str:
    return f"{said} Go on with --operation {operation.pk}."


def _selection(options: dict[str, Any]) -> Selection:
    by = {name: options[name] for name in ("queue", "type", "error", "group")}
    conditions = tuple(options["field"])
    try:
        for text in conditions:
            Condition.read(text)
    except FieldError as error:
        raise CommandError(f"--field: {error}") from None
    selection = Selection(
        ids=tuple(options["ids"]),
        since=since(options["since"]) if options["since"] else None,
        fields=conditions,
        **by,
    )
    if selection.is_empty and not options["all"]:
        raise CommandError(
            "Say which: --ids, --queue, --type, --error, --group, --since, --field "
            "or --all."
        )
    return selection


def _check_plan(options: dict[str, Any]) -> None:
    if options["limit"] is not None and options["limit"] < 1:
        raise CommandError("--limit is at least 1.")
    if not 1 <= options["rate"] <= freezing.MOST_PER_SECOND:
        raise CommandError(f"--rate is 1 to {freezing.MOST_PER_SECOND}.")
    if options["canary"] < 0:
        raise CommandError("--canary is 0, for none, or more.")
    if not 1 <= options["stop_at"] <= 100:
        raise CommandError("--stop-at is 1 to 100 percent; 100 never stops.")
    if options["to"] and options["to"] not in targets.anywhere():
        raise CommandError(
            f"REDRIVE_TARGETS allows no redrive to {options['to']}. Leave --to out, or "
            f"set it, as in REDRIVE_TARGETS=orders:{options['to']}."
        )
    if options["override_limit"] and not options["reason"].strip():
        raise CommandError(
            f"--override-limit needs a --reason: what was redriven {settings.REDRIVE_LIMIT}"
            " times came back each time."
        )


def _check_user(
    name: str, *, kind: str = Operation.Kind.REDRIVE, reads: bool = False
) -> None:
    if not name:
        raise CommandError("--by USER is needed: the audit trail names who did it.")
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {name}.")
    if not may_operate(user, kind):
        raise CommandError(f"{name} does not have the permission to {kind} many.")
    if reads and not may(user, "reveal"):
        raise CommandError(
            f"{name} does not have the permission to see personal data, which a "
            "--field asks about."
        )
