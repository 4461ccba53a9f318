"""Delete the history of the desk: letters, operations, policies and groups that are over."""

from collections import Counter
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from dlq_review.letters.retention import waits_for_archive
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureCount,
    FailureGroup,
    Operation,
    OperationItem,
    RedrivePolicy,
    Revision,
)
from dlq_review.retention.sweeps import STEP, Locked, erase, erase_of
from processing.models import Attempt, Outcome, Repair


class Letters(Locked):
    """Letters that were settled long ago, with all that belongs to them.

    The outcome of a request is deleted after the last letter of the request, never before.
    """

    order = "settled_at"

    def locked(self, before: datetime) -> list[int]:
        keys = super().locked(before)
        # A copy may have arrived before the lock; none can arrive behind it.
        late = Arrival.unarchived().filter(letter__in=keys)
        return sorted({*keys} - {*late.values_list("letter", flat=True)})

    def old(self, before: datetime) -> QuerySet[DeadLetter]:
        """Without those that an operation may still go on with, or the archive waits for."""
        items = OperationItem.objects.filter(
            operation__in=Operation.objects.exclude(state__in=Operation.ENDED),
            letter=OuterRef("pk"),
        )
        return DeadLetter.objects.filter(
            ~Exists(items),
            ~waits_for_archive(),
            state__in=DeadLetter.SETTLED,
            settled_at__lt=before,
        )

    def erase(self, keys: list[int]) -> None:
        found = DeadLetter.objects.filter(pk__in=keys)
        letters = list(found.only("request_id", "group_id"))
        for model in (Arrival, Revision, AuditEntry):
            erase(model.objects.filter(letter__in=keys))
        # In the order of their keys, as everywhere, so transactions cannot deadlock.
        for group, gone in sorted(Counter(one.group_id for one in letters).items()):
            its = FailureGroup.objects.filter(pk=group)
            its.update(settled=F("settled") - gone)
        erase(found)
        self._erase_attempts({one.request_id for one in letters})

    def _erase_attempts(self, requests: set[str]) -> None:
        """Of requests that leave no outcome: a failed attempt alone looks like a loss."""
        for model in (DeadLetter, Outcome):
            rows = model.objects.filter(request_id__in=requests)
            requests = requests - set(rows.values_list("request_id", flat=True))
        erase_of(requests, Attempt, Repair)


class Operations:
    """Operations that ended long ago; their items first, a step at a time."""

    def due(self, before: datetime) -> bool:
        return self._old(before).exists()

    @transaction.atomic
    def delete(self, before: datetime) -> int:
        old = self._old(before).order_by("pk")
        operation = old.select_for_update(skip_locked=True, of=("self",)).first()
        if operation is None:
            return 0
        items = list(operation.items.order_by("pk").values_list("pk", flat=True)[:STEP])
        if items:
            erase(OperationItem.objects.filter(pk__in=items))
            return len(items)
        erase(AuditEntry.objects.filter(operation=operation))
        erase(Operation.objects.filter(pk=operation.pk))
        return 1

    def _old(self, before: datetime) -> QuerySet[Operation]:
        undone = Operation.objects.filter(undoes=OuterRef("pk"))
        return Operation.objects.filter(~Exists(undone), ended_at__lt=before)


class Policies(Locked):
    """Redrive policies that ended long ago and of which no run is left."""

    def old(self, before: datetime) -> QuerySet[RedrivePolicy]:
        runs = Operation.objects.filter(policy=OuterRef("pk"))
        return RedrivePolicy.objects.filter(~Exists(runs), ended_at__lt=before)

    def erase(self, keys: list[int]) -> None:
        erase(
            AuditEntry.objects.filter(policy__in=keys),
            RedrivePolicy.objects.filter(pk__in=keys),
        )


class Groups(Locked):
    """Failure groups that hold no letter any more and have not failed for long."""

    def old(self, before: datetime) -> QuerySet[FailureGroup]:
        its = OuterRef("pk")
        return FailureGroup.objects.filter(
            ~Exists(DeadLetter.objects.filter(group=its)),
            ~Exists(DeadLetter.objects.filter(origin=its)),
            ~Exists(FailureGroup.objects.filter(merged_into=its)),
            last_seen__lt=before,
        )

    def erase(self, keys: list[int]) -> None:
        erase(
            FailureCount.objects.filter(group__in=keys),
            AuditEntry.objects.filter(group__in=keys),
            FailureGroup.objects.filter(pk__in=keys),
        )
