"""Foretell on how many letters of its list an operation would act if it were started now."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import F, QuerySet

from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.redrive.fates import Fate, fates

LOOKED_AT = 10_000  # items of a list that nobody has started yet
CHANGED = "would be skipped: edited, sent or settled since the list was frozen"


@dataclass(frozen=True, slots=True)
class Outlook:
    acts_on: int
    left_out: list[tuple[int, str]]
    """Letters that would not be sent or changed, and why."""
    looked_at: int
    whole: bool
    """The whole list was looked at."""


def outlook(operation: Operation) -> Outlook:
    """For a redrive, a discard or a restore; edit_preview.py and edit_undo.py have the others."""
    first = operation.items.order_by("letter_id").values("pk")[:LOOKED_AT]
    as_frozen = _as_frozen(operation, OperationItem.objects.filter(pk__in=first))
    looked_at = min(operation.total, LOOKED_AT)
    whole = operation.total <= looked_at
    left_out: list[tuple[int, str]] = []
    if operation.kind == Operation.Kind.REDRIVE:
        found = _fates(operation, as_frozen)
        acts_on = found[Fate.SENT] + found[Fate.DONE_ALREADY]
        known = found.total()
        reasons = [fate for fate in Fate if found[fate] and fate != Fate.SENT]
        left_out = [(found[fate], fate.said(operation.to)) for fate in reasons]
    else:
        acts_on = known = as_frozen.count()
    if gone := looked_at - known:
        left_out.append((gone, CHANGED))
    return Outlook(acts_on, left_out, looked_at, whole)


def _as_frozen(
    operation: Operation, items: QuerySet[OperationItem]
) -> QuerySet[OperationItem]:
    """Those whose letter nobody has edited, sent or settled since the list was frozen."""
    found = items.filter(letter__revision=F("revision"))
    if operation.kind != Operation.Kind.RESTORE:
        return found.filter(letter__state__in=DeadLetter.EDITABLE)
    return found.filter(
        letter__state=DeadLetter.State.DISCARDED,
        letter__purged_at=None,
        letter__settled_at__lte=operation.cutoff,
    )


def _fates(operation: Operation, items: QuerySet[OperationItem]) -> Counter[Fate]:
    letters = DeadLetter.objects.filter(pk__in=items.values("letter_id"))
    return fates(letters, to=operation.to, override_limit=operation.override_limit)
