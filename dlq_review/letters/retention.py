"""Purge personal data from letters that were settled long ago.

Ids, states and the trail stay, so a late copy is still recognised by its request id,
outcome and fingerprints. Where there is an archive, a body is purged only once it is
archived. Each step is a transaction of its own. If a run is stopped half
way, the next one goes on.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from dlq_review.bodies import patch_cases
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    Operation,
    OperationItem,
    RedrivePolicy,
    Revision,
)
from dlq_review.search.veil import veiled_condition
from processing.events.masking import MASK, mask_reference
from processing.models import Attempt, Outcome

Over = TypeVar("Over", Operation, RedrivePolicy)

STEP = 200  # letters, or attempts, of one transaction


def purge(
    before: datetime,
    *,
    seconds: float = float("inf"),
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Purge letters settled before *before*, for about *seconds*; return how many.

    *progress* is called with the number so far after each step.
    """
    deadline = monotonic() + seconds
    done = 0
    while monotonic() < deadline and (purged := _purge_letters(before)):
        done += purged
        progress(done)
    for more in (_purge_attempts, _purge_operations, _purge_policies):
        while monotonic() < deadline and more(before):
            progress(done)
    return done


def due(before: datetime) -> int:
    """How many letters `purge` would purge."""
    return _due(before).count()


def unarchived(before: datetime) -> QuerySet[DeadLetter]:
    """The letters that `purge` leaves until the archive has what arrived for them."""
    return _settled(before).filter(waits_for_archive())


def _due(before: datetime) -> QuerySet[DeadLetter]:
    return _settled(before).exclude(waits_for_archive())


def has_texts(before: datetime) -> bool:
    """Whether there is anything that `purge` would purge."""
    over = (_over(Operation, before), _over(RedrivePolicy, before))
    found = (_due(before), _written_attempts(before), *over)
    return any(rows.exists() for rows in found)


def _settled(before: datetime) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(
        state__in=DeadLetter.SETTLED, settled_at__lt=before, purged_at=None
    )


def waits_for_archive() -> Exists:
    """The condition that a letter has an arrival that is not archived yet."""
    return Exists(Arrival.unarchived().filter(letter=OuterRef("pk")))


@transaction.atomic
def _purge_letters(before: datetime) -> int:
    locked = _due(before).order_by("pk").select_for_update(skip_locked=True)
    letters = dict(locked.values_list("pk", "request_id")[:STEP])
    # A copy may have arrived before the lock; none can arrive behind it.
    for late in Arrival.unarchived().filter(letter__in=letters):
        letters.pop(late.letter_id, None)
    purge_these(letters)
    return len(letters)


def purge_these(letters: Mapping[int, str]) -> None:
    """Purge *letters*, which are settled and locked: request ids by their numbers."""
    # Texts of staff may name people, so they go. Who did or saw what, and when, stays.
    said = AuditEntry.objects.filter(letter__in=letters).exclude(reason="")
    said.exclude(verb=AuditEntry.Verb.REVEALED).update(reason="")
    Revision.objects.filter(letter__in=letters).update(body="", reason="")
    Arrival.objects.filter(letter__in=letters).update(
        body="", attributes={}, attribute_types={}
    )
    forget_errors(letters.values())
    _forget_messages_for_senders(letters.values())
    found = DeadLetter.objects.filter(pk__in=letters)
    named = found.exclude(reference="").values_list("pk", "reference")
    personal = [pk for pk, name in named if mask_reference(name) != name]
    found.filter(pk__in=personal).update(reference="")
    found.update(purged_at=timezone.now(), error_text="")
    AuditEntry.objects.bulk_create(
        AuditEntry(letter_id=number, verb=AuditEntry.Verb.PURGED) for number in letters
    )


@transaction.atomic
def _purge_operations(before: datetime) -> int:
    """Purge conditions and patches of operations that ended or were never started."""
    old = _over(Operation, before).order_by("pk")
    operations = list(old.select_for_update(skip_locked=True)[:STEP])
    for operation in operations:
        operation.selection = _veiled(operation.selection)
        operation.patch = [
            {name: step[name] for name in ("op", "path", "from") if name in step}
            for step in patch_cases.steps(operation.patch)
        ]
        if operation.state == Operation.State.DRAFT:  # its patch is gone
            operation.state, operation.ended_at = Operation.State.CANCELLED, before
        operation.reason, operation.purged_at = "", timezone.now()
        operation.save()
    AuditEntry.objects.filter(operation__in=operations).update(reason="")
    items = OperationItem.objects.filter(operation__in=operations)
    items.exclude(why="").update(why="")
    return len(operations)


@transaction.atomic
def _purge_policies(before: datetime) -> int:
    """Purge conditions and URLs of policies that ended or were never started."""
    old = _over(RedrivePolicy, before).order_by("pk")
    policies = list(old.select_for_update(skip_locked=True)[:STEP])
    for policy in policies:
        policy.selection = _veiled(policy.selection)
        if policy.state == RedrivePolicy.State.DRAFT:  # its conditions are gone
            policy.state, policy.ended_at = RedrivePolicy.State.ENDED, before
        policy.reason, policy.url, policy.purged_at = "", "", timezone.now()
        policy.save()
    AuditEntry.objects.filter(policy__in=policies).update(reason="")
    return len(policies)


def _veiled(selection: dict[str, Any]) -> dict[str, Any]:
    """*selection* without what names a person."""
    veils = (("ids", mask_reference), ("fields", veiled_condition))
    veiled = {
        name: [veil(one) for one in selection[name]]
        for name, veil in veils
        if name in selection
    }
    return selection | veiled | ({"search": MASK} if "search" in selection else {})


def _over(model: type[Over], before: datetime) -> QuerySet[Over]:
    over = Q(ended_at__lt=before) | Q(state="draft", created_at__lt=before)
    return model._default_manager.filter(over, purged_at=None)


def _purge_attempts(before: datetime) -> int:
    old = _written_attempts(before).order_by("started_at")
    numbers = list(old.values_list("pk", flat=True)[:STEP])
    return _forget(Attempt.objects.filter(pk__in=numbers))


def _written_attempts(before: datetime) -> QuerySet[Attempt]:
    """Old attempts with an error text that no unpurged letter needs."""
    waiting = DeadLetter.objects.filter(
        request_id=OuterRef("request_id"), purged_at=None
    )
    written = ~Q(error_text="") | ~Q(traceback="")  # as the index says it
    return Attempt.objects.filter(written, ~Exists(waiting), started_at__lt=before)


def _forget_messages_for_senders(requests: Iterable[str]) -> None:
    """Purge the texts for senders of *requests*; their receipts keep the state."""
    discarded = Outcome.objects.filter(kind=Outcome.Kind.DISCARDED)
    discarded.filter(request_id__in=requests).update(made={})


def forget_errors(requests: Iterable[str]) -> int:
    """Purge the error texts of all attempts of *requests*."""
    return _forget(Attempt.objects.filter(request_id__in=list(requests)))


def _forget(attempts: QuerySet[Attempt]) -> int:
    return attempts.update(error_text="", traceback="")
