"""The options of `redrive_dlq`, and their validation."""

from argparse import _ArgumentGroup
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError

from dlq_review.bodies.field_conditions import Condition, FieldError
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import Operation
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.permissions import may, may_operate
from dlq_review.redrive import targets
from dlq_review.search.selections import SINCE, Selection, since
from processing.events.contracts import CONTRACTS
from processing.sqs.topology import EVENT_QUEUES, QUEUES

_PLANNED = ("rate", "canary", "stop_at", "limit", "override_limit", "to")


def add_choosing(which: _ArgumentGroup) -> None:
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
    which.add_argument(
        "--discarded-by",
        type=int,
        metavar="OPERATION",
        help="with --restore: what that operation discarded, and nobody has since",
    )
    which.add_argument("--limit", type=int, help="at most so many, oldest first")


def add_running(how: _ArgumentGroup) -> None:
    how.add_argument("--apply", action="store_true", help="do it")
    how.add_argument(
        "--restore",
        action="store_true",
        help="restore discarded letters instead of sending waiting ones",
    )
    how.add_argument("--operation", type=int, help="go on with this one")
    how.add_argument(
        "--schedule",
        action="store_true",
        help="begin the runs of redrive policies that are due, once; for cron",
    )
    how.add_argument("--by", default="", help="your user name, for the audit trail")
    how.add_argument("--reason", default="")
    how.add_argument("--rate", type=int, default=50, help="messages a second, 1-500")
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
        help="also letters that were redriven too often; needs a --reason",
    )
    how.add_argument("--wait", action="store_true", help="until all is settled")
    how.add_argument("--json", action="store_true", help="print the result as JSON")


def plan(options: dict[str, Any]) -> Plan:
    return Plan(kind(options), **{name: options[name] for name in _PLANNED})


def kind(options: dict[str, Any]) -> Operation.Kind:
    return Operation.Kind.RESTORE if options["restore"] else Operation.Kind.REDRIVE


def selection(options: dict[str, Any]) -> Selection:
    by = {name: options[name] for name in ("queue", "type", "error", "group")}
    conditions = tuple(options["field"])
    try:
        for text in conditions:
            Condition.read(text)
    except FieldError as error:
        raise CommandError(f"--field: {error}") from None
    chosen = Selection(
        ids=tuple(options["ids"]),
        since=since(options["since"]) if options["since"] else None,
        fields=conditions,
        discarded=options["restore"],
        discarded_by=options["discarded_by"],
        **by,
    )
    if chosen.is_empty and not options["all"]:
        raise CommandError(
            "Say which: --ids, --queue, --type, --error, --group, --since, --field, "
            "--discarded-by or --all."
        )
    return chosen


def check_plan(options: dict[str, Any]) -> None:
    if options["discarded_by"] and not options["restore"]:
        raise CommandError("--discarded-by needs --restore.")
    if options["restore"] and not options["reason"].strip() and options["apply"]:
        raise CommandError("--restore needs a --reason, for the audit trail.")
    if options["limit"] is not None and options["limit"] < 1:
        raise CommandError("--limit is at least 1.")
    if not 1 <= options["rate"] <= plans.MOST_PER_SECOND:
        raise CommandError(f"--rate is 1 to {plans.MOST_PER_SECOND}.")
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
            "--override-limit needs a --reason: these letters failed again after each of "
            f"{settings.REDRIVE_LIMIT} redrives."
        )


def check_user(name: str, kind: str, *, reads: str = "") -> None:
    """Check the permissions of the user.

    *reads* names personal data that is read. Raises CommandError.
    """
    if not name:
        raise CommandError("--by USER is needed: the audit trail names who did it.")
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {name}.")
    if not may_operate(user, kind):
        raise CommandError(f"{name} does not have the permission to {kind} many.")
    if reads and not may(user, "reveal"):
        raise CommandError(
            f"{name} does not have the permission to see personal data, which this "
            f"asks about: {reads}."
        )
    if reads:
        note_reveal(name, f"redrive_dlq, which asks about {reads}")
