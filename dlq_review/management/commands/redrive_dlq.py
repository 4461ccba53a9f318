"""Exit codes: 0 all done (or shown only), 1 wrong usage, 2 nothing matched,
3 some failed again or were skipped, 4 stopped by the brake or a policy stopped, 5 SQS did not take them,
130 paused, by Ctrl-C or by somebody else.
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from dlq_review.errors import ReviewError
from dlq_review.management import dry_run, redrive_options, scheduled_runs
from dlq_review.management.operation_console import drive, in_words, reading
from dlq_review.models import Operation
from dlq_review.operations import control, plans, progress
from dlq_review.search.selections import Selection
from dlq_review.search.veil import needs_reveal

NOTHING, TROUBLE, BRAKED, NOT_SENT, PAUSED = 2, 3, 4, 5, 130


class Command(BaseCommand):
    help = (
        "Send dead letters back to their queues, or with --restore bring discarded ones "
        "back to the desk. Shows what it would do; --apply does "
        f"it, --operation N goes on with one that was paused, --schedule begins what redrive "
        f"policies have due. {__doc__}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        redrive_options.add_choosing(
            parser.add_argument_group("which (together they narrow)")
        )
        redrive_options.add_running(parser.add_argument_group("how"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(options)
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped before anything was sent.", returncode=PAUSED
            ) from None

    def _handle(self, options: dict[str, Any]) -> None:
        if options["schedule"]:
            scheduled_runs.run(self.stdout, self._console(), options)
            return
        if options["operation"]:
            operation = self._resumed(options)
        else:
            selection = redrive_options.selection(options)
            redrive_options.check_plan(options)
            if not options["apply"]:
                self._show(selection, options)
                return
            kind = redrive_options.kind(options)
            hidden = ", ".join(one.name for one in needs_reveal(selection))
            redrive_options.check_user(options["by"], kind, reads=hidden)
            operation = self._started(selection, options)
        self._run(operation, options)
        self._report(operation, options)

    def _console(self) -> Console:
        return Console(file=self.stderr, force_terminal=None)  # type: ignore[arg-type]

    # -- choosing -------------------------------------------------------------------
    def _show(self, selection: Selection, options: dict[str, Any]) -> None:
        with reading(selection, self._console()) as heard:
            found = dry_run.look(selection, redrive_options.plan(options), heard)
        if not found.kinds:
            raise CommandError("No dead letter matches.", returncode=NOTHING)
        if options["json"]:
            self.stdout.write(json.dumps(found.as_json()))
            return
        for count, said in found.lines():
            self.stdout.write(f"{count:>7}  {said}")
        done = "restored" if options["restore"] else "sent"
        self.stdout.write(
            f"{found.acts_on:>7}  would be {done}; nothing was {done}. Add --apply --by USER."
        )

    def _started(self, selection: Selection, options: dict[str, Any]) -> Operation:
        try:
            with reading(selection, self._console()) as heard:
                operation = plans.freeze(
                    selection,
                    redrive_options.plan(options),
                    by=options["by"],
                    reason=options["reason"],
                    on_read=heard,
                )
        except plans.NothingChosenError as error:
            raise CommandError(str(error), returncode=NOTHING) from None
        control.start(operation, by=options["by"])
        return operation

    def _resumed(self, options: dict[str, Any]) -> Operation:
        operation = Operation.objects.filter(pk=options["operation"]).first()
        if operation is None:
            raise CommandError(f"There is no operation {options['operation']}.")
        redrive_options.check_user(options["by"], operation.kind)
        if operation.state == Operation.State.RUNNING:
            return operation  # its first runner is gone, or a worker runs it: wait
        try:
            control.resume(operation, by=options["by"])
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
                control.pause(operation, by=options["by"])
            except ReviewError:  # it ended, or somebody else was faster
                return
            raise CommandError(
                _go_on("Paused.", operation), returncode=PAUSED
            ) from None

    def _report(self, operation: Operation, options: dict[str, Any]) -> None:
        operation.refresh_from_db()
        counts = progress.tally(operation)
        if options["json"]:
            result = {
                "operation": operation.pk,
                "state": operation.state,
                "rate": operation.rate,
                "reached": operation.reached,
            }
            self.stdout.write(json.dumps(result | dict(counts.by_state)))
        else:
            rate = progress.rate_in_words(operation)
            self.stdout.write(
                f"Operation {operation.pk}: {in_words(counts)}. Rate: {rate}."
            )
        if operation.braked:
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
