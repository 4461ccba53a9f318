"""One runner at a time holds an operation, and proves it with every write.

A runner that hung until its lease ran out may wake up beside another. It finds that the
lease has another owner, and writes nothing more. Letters that it had sent carry the
operation's number, so the new owner recognises them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from dlq_review.models import Operation

LASTS = timedelta(seconds=60)  # far above what one step takes


class LeaseLostError(Exception):
    """Another runner holds the operation now, or the operation does not run any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    operation: int
    owner: UUID

    def _held(self) -> QuerySet[Operation]:
        return Operation.objects.filter(pk=self.operation, lease_owner=self.owner)

    def renew(self, reached: int | None = None) -> None:
        """Hold it for longer, and note the rate *reached*. Raises LeaseLostError."""
        running = self._held().filter(state=Operation.State.RUNNING)
        noted = {} if reached is None else {"reached": reached}
        if not running.update(leased_until=timezone.now() + LASTS, **noted):
            raise LeaseLostError(LeaseLostError.__doc__)

    def give_back(self) -> None:
        self._held().update(leased_until=None, lease_owner=None)

    @contextmanager
    def writing(self) -> Iterator[Operation]:
        """A transaction in which nobody else takes the lease, and the operation as it is now.

        Raises LeaseLostError.
        """
        with transaction.atomic():
            operation = self._held().select_for_update(no_key=True).first()
            if operation is None:
                raise LeaseLostError(LeaseLostError.__doc__)
            yield operation


def free() -> QuerySet[Operation]:
    """The operations that run, and that no runner holds."""
    unheld = Q(leased_until=None) | Q(leased_until__lt=timezone.now())
    return Operation.objects.filter(unheld, state=Operation.State.RUNNING)


def take(operation: Operation) -> Lease | None:
    """Take the lease. None if another runner holds it or the operation does not run."""
    lease = Lease(operation.pk, uuid4())
    mine = free().filter(pk=operation.pk)
    taken = mine.update(
        leased_until=timezone.now() + LASTS,
        lease_owner=lease.owner,
        lease_holder=f"{settings.WORKER_NAME}, process {os.getpid()}"[:200],
    )
    operation.refresh_from_db()
    return lease if taken else None
