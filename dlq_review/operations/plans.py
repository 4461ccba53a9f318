"""Freeze the list of an operation: INSERT ...

SELECT of the waiting letters, with a cut-off. Letters that fail later are counted and never
included; letters that change meanwhile are skipped.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from dlq_review.errors import ReviewError
from dlq_review.models import Operation, OperationItem
from dlq_review.search.selections import Selection

MOST_PER_SECOND = 500
INSERTED = 500  # items in one statement


class NothingChosenError(ReviewError):
    """No dead letter matches, so there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run an operation."""

    kind: str = Operation.Kind.REDRIVE
    patch: list[Any] | None = None
    """For an edit or a repair: the JSON Patch that each body gets, or one for each case."""
    rate: int = 50
    canary: int = 0
    stop_at: int = 20
    override_limit: bool = False
    to: str = ""
    limit: int | None = None


def freeze(
    selection: Selection,
    plan: Plan,
    *,
    by: str,
    reason: str = "",
    on_read: Callable[[int], None] = lambda read: None,
    on_frozen: Callable[[Operation], None] = lambda operation: None,
) -> Operation:
    """Create an operation over the letters that *selection* finds now, not started.

    *on_read* is called with the number of bodies read, if the selection reads any.
    *on_frozen* is called in the transaction that creates the operation, and undoes it by
    raising. Raises NothingChosenError.
    """
    cutoff = timezone.now()
    # Bodies are read before the transaction begins, also those that a search reads: that may
    # take a minute, in which SQLite would let nobody else write.
    read = _read(selection, plan, on_read) if selection.fields else None
    chosen = selection.candidates()[: plan.limit] if read is None else None
    with transaction.atomic():
        operation = _create(selection, plan, by, reason, cutoff)
        if chosen is not None:
            fill(operation, chosen.values_list("id", "revision"))
        elif read is not None:
            _fill_with(operation, read)
        on_frozen(operation)
    return operation


def _create(
    selection: Selection, plan: Plan, by: str, reason: str, cutoff: datetime
) -> Operation:
    return Operation.objects.create(
        kind=plan.kind,
        patch=plan.patch or [],
        selection=selection.as_json(),
        masked=selection.masked,
        by=by,
        reason=reason,
        rate=min(max(plan.rate, 1), MOST_PER_SECOND),
        canary=plan.canary,
        stop_at=min(max(plan.stop_at, 1), 100),
        override_limit=plan.override_limit,
        to=plan.to,
        cutoff=cutoff,
    )


def _read(
    selection: Selection, plan: Plan, on_read: Callable[[int], None]
) -> "tuple[array[int], array[int]]":
    """The numbers and revisions of the letters; 16 bytes each, so a million are few."""
    numbers, revisions = array("q"), array("l")
    for page in selection.pages(on_read):
        for letter in page:
            numbers.append(letter.pk)
            revisions.append(letter.revision)
        if plan.limit is not None and len(numbers) >= plan.limit:
            break
    return numbers[: plan.limit], revisions[: plan.limit]


def _fill_with(operation: Operation, read: "tuple[array[int], array[int]]") -> None:
    items = (
        OperationItem(operation=operation, letter_id=number, revision=revision)
        for number, revision in zip(*read, strict=True)
    )
    while batch := list(islice(items, INSERTED)):
        OperationItem.objects.bulk_create(batch)
        operation.total += len(batch)
    _finish(operation)


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
    _finish(operation)


def _finish(operation: Operation) -> None:
    if not operation.total:
        raise NothingChosenError(NothingChosenError.__doc__)
    operation.save(update_fields=["total"])
