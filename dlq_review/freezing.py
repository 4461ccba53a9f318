"""Freeze what an operation works on: INSERT ... SELECT of what waits now, with a cut-off.

What fails later is counted and never included; what changes meanwhile is skipped.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from dlq_review.models import Operation, OperationItem
from dlq_review.selecting import Selection
from dlq_review.transitions import ReviewError

MOST_PER_SECOND = 500


class NothingChosenError(ReviewError):
    """No dead letter that waits matches, so there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run an operation."""

    kind: str = Operation.Kind.REDRIVE
    patch: list[dict[str, Any]] | None = None
    """For a fix: the JSON Patch that each body gets."""
    rate: int = 50
    canary: int = 0
    stop_at: int = 20
    override_limit: bool = False
    to: str = ""
    limit: int | None = None


@transaction.atomic
def freeze(selection: Selection, plan: Plan, *, by: str, reason: str = "") -> Operation:
    """An operation over what *selection* finds now, not started. Raises NothingChosenError."""
    operation = Operation.objects.create(
        kind=plan.kind,
        patch=plan.patch or [],
        selection=selection.as_json(),
        by=by,
        reason=reason,
        rate=min(max(plan.rate, 1), MOST_PER_SECOND),
        canary=plan.canary,
        stop_at=min(max(plan.stop_at, 1), 100),
        override_limit=plan.override_limit,
        to=plan.to,
        cutoff=timezone.now(),
    )
    fill(operation, selection.letters()[: plan.limit].values_list("id", "revision"))
    return operation


def fill(operation: Operation, chosen: QuerySet) -> None:
    """Put *chosen*, each a letter's id and its revision, on the list.

    Raises NothingChosenError.
    """
    sql, parameters = chosen.query.sql_with_params()
    table = OperationItem._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (operation_id, letter_id, revision, state, why) "  # noqa: S608 - names of our own
            f"SELECT %s, chosen.*, 'waiting', '' FROM ({sql}) chosen",
            [operation.pk, *parameters],
        )
        operation.total = cursor.rowcount
    if not operation.total:
        raise NothingChosenError(NothingChosenError.__doc__)
    operation.save(update_fields=["total"])
