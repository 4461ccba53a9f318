"""Remove what people wrote from what was settled long ago. Ids, states and the trail stay.

So a late copy is still known: by its request id, its outcome, its fingerprints. Each step is
a transaction of its own; stopped half way, the next run goes on.
"""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from dlq_review.models import Arrival, AuditEntry, DeadLetter, Revision
from processing.models import Attempt

STEP = 200  # letters, or attempts, of one transaction


def purge(
    before: datetime,
    *,
    seconds: float = float("inf"),
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Purge what was settled before *before*, for about *seconds*; return how many letters.

    *progress* is called with the number so far after each step.
    """
    deadline = monotonic() + seconds
    done = 0
    while monotonic() < deadline and (purged := _purge_letters(before)):
        done += purged
        progress(done)
    while monotonic() < deadline and _purge_attempts(before):
        progress(done)
    return done


def due(before: datetime) -> int:
    """How many letters `purge` would purge."""
    return _settled(before).count()


def _settled(before: datetime) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(
        state__in=DeadLetter.SETTLED, settled_at__lt=before, purged_at=None
    )


@transaction.atomic
def _purge_letters(before: datetime) -> int:
    locked = _settled(before).order_by("pk").select_for_update(skip_locked=True)
    letters = dict(locked.values_list("pk", "request_id")[:STEP])
    Revision.objects.filter(letter__in=letters).update(body="")
    Arrival.objects.filter(letter__in=letters).update(
        body="", attributes={}, attribute_types={}
    )
    _forget(Attempt.objects.filter(request_id__in=letters.values()))
    found = DeadLetter.objects.filter(pk__in=letters)
    found.filter(reference__contains="@").update(reference="")
    found.update(purged_at=timezone.now(), error_text="")
    AuditEntry.objects.bulk_create(
        AuditEntry(letter_id=number, verb=AuditEntry.Verb.PURGED) for number in letters
    )
    return len(letters)


def _purge_attempts(before: datetime) -> int:
    """Of requests that nobody looks at: they were processed after all, or were purged."""
    waiting = DeadLetter.objects.filter(
        request_id=OuterRef("request_id"), purged_at=None
    )
    old = Attempt.objects.filter(~Exists(waiting), started_at__lt=before)
    written = old.exclude(Q(error_text="") & Q(traceback=""))
    numbers = list(written.order_by("pk").values_list("pk", flat=True)[:STEP])
    return _forget(Attempt.objects.filter(pk__in=numbers))


def _forget(attempts: QuerySet[Attempt]) -> int:
    return attempts.update(error_text="", traceback="")
