"""`redrive_dlq --schedule`: begin the runs that are due, run them, and say what was done."""

import json
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from rich.console import Console

from dlq_review.management.operation_console import drive, in_words
from dlq_review.models import Operation, RedrivePolicy
from dlq_review.operations import progress
from dlq_review.schedule import runs
from dlq_review.schedule.runs import Done

STOPPED, INTERRUPTED = 4, 130


def run(stdout: OutputWrapper, console: Console, options: dict[str, Any]) -> None:
    """Begin what is due, and go on with the runs of earlier calls that were cut short.

    Raises CommandError if a policy stopped by itself.
    """
    done = runs.begin_due()
    running = list(
        Operation.objects.filter(
            policy__isnull=False, state=Operation.State.RUNNING
        ).order_by("pk")
    )
    try:
        for operation in running:
            drive(operation, console, wait=options["wait"] or bool(operation.canary))
    except KeyboardInterrupt:
        raise CommandError(
            "Stopped. A worker or the next call goes on with what has begun.",
            returncode=INTERRUPTED,
        ) from None
    done += runs.look()
    _print(stdout, done, running, as_json=options["json"])
    has_stopped = RedrivePolicy.State.STOPPED
    stopped = [str(one.policy) for one in done if one.policy.state == has_stopped]
    if stopped:
        raise CommandError(f"Stopped: {', '.join(stopped)}.", returncode=STOPPED)


def _print(
    stdout: OutputWrapper, done: list[Done], ran: list[Operation], *, as_json: bool
) -> None:
    counts = progress.tallies(one.pk for one in ran)
    if as_json:
        result = {
            "policies": [
                {
                    "policy": one.policy.pk,
                    "said": one.said,
                    "operation": one.operation and one.operation.pk,
                }
                for one in done
            ],
            "operations": [
                {"operation": one.pk, "state": one.state} | counts[one.pk].by_state
                for one in ran
            ],
        }
        stdout.write(json.dumps(result))
        return
    for one in done:
        stdout.write(f"{one.policy}: {one.said}")
    for operation in ran:
        stdout.write(f"Operation {operation.pk}: {in_words(counts[operation.pk])}.")
    if not done and not ran:
        stdout.write("Nothing is due.")
