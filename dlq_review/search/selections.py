"""Select dead letters for a command or an operation.

The database filters by columns. Conditions on bodies need to read each body: `pages` does
that in steps of bounded size.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from dlq_review.bodies import field_conditions
from dlq_review.errors import ReviewError
from dlq_review.models import DeadLetter, Operation, OperationItem, Revision
from dlq_review.search import full_text
from dlq_review.search.circumstances import circumstances
from dlq_review.search.row_numbers import row_number
from processing.events.masking import mask_body

SINCE = {"1h": 1, "3h": 3, "24h": 24, "7d": 7 * 24, "14d": 14 * 24}  # hours
_Item = OperationItem.State
_WAIT_AGAIN = (_Item.EDITED, _Item.RESTORED, _Item.FAILED_AGAIN, _Item.UNDONE)
STEP = 500  # letters looked at in one step
BODIES = 20  # of up to 1 MiB, held at once


class TooManyToReadError(ReviewError):
    """Too many bodies would have to be read to answer a page."""


def since(name: str) -> datetime:
    """The start of the period *name*, one of SINCE."""
    return timezone.now() - timedelta(hours=SINCE[name])


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of waiting or discarded letters. Empty fields do not narrow it."""

    ids: Sequence[str] = ()
    """Numbers of dead letters, request ids or references."""
    queue: str = ""
    type: str = ""
    error: str = ""
    group: int | None = None
    since: datetime | None = None
    search: str = ""
    """The text of a search: selects what the list of letters finds by it (full_text.py)."""
    fields: Sequence[str] = ()
    """Conditions (bodies/field_conditions.py), all of which hold: on the current body, or
    on the circumstances of the letter.
    """
    discarded: bool = False
    """Select discarded letters that can be restored, instead of waiting ones."""
    discarded_by: int | None = None
    """Letters that this operation discarded, and nobody discarded again."""
    after: int | None = None
    """Waiting letters that this operation edited or restored, whose edit it undid, or that
    failed again by it.

    Without those whose edit was undone.
    """
    policy: int | None = None
    """Waiting letters that this redrive policy may take: see `_takeable`."""
    but: int | None = None
    """Without this letter: the example for the others."""
    masked: bool = False
    """The conditions read the masked body, and the search reads none, because the author
    may not see personal data.
    """

    @property
    def is_empty(self) -> bool:
        return replace(self, masked=False) == Selection(discarded=self.discarded)

    def as_json(self) -> dict[str, Any]:
        """The fields that narrow, for storage.

        An operation has columns for `masked` and `policy`.
        """
        found = {name: value for name, value in asdict(self).items() if value}
        for name in ("masked", "policy"):
            found.pop(name, None)
        if self.since is not None:
            found["since"] = self.since.isoformat()
        return found

    @classmethod
    def from_json(cls, stored: dict[str, Any], *, masked: bool = False) -> Self:
        since = stored.get("since")
        moment = datetime.fromisoformat(since) if since else None
        return cls(**{**stored, "since": moment, "masked": masked})

    def pages(
        self, on_read: Callable[[int], None] = lambda read: None
    ) -> Iterator[list[DeadLetter]]:
        """The letters, the oldest first, a few hundred at a time.

        They are the candidates when the first page is read; letters that fail later are left
        out. *on_read* is called with the number of letters read, after each step.
        """
        numbers = array("q", self.candidates().values_list("pk", flat=True).iterator())
        for start in range(0, len(numbers), STEP):
            step = numbers[start : start + STEP]
            yield self.matching(list(self._selectable().filter(pk__in=step)))
            on_read(len(step))

    def matching(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Those of *letters* whose current body meets all conditions."""
        if not self.fields:
            return list(letters)
        conditions = [field_conditions.Condition.read(text) for text in self.fields]
        asked_around = any(one.around for one in conditions)
        around = circumstances(letters, masked=self.masked) if asked_around else {}
        bodies = Revision.objects.filter(
            letter__in=letters, number=F("letter__revision")
        ).values_list("letter_id", "body")
        found = {
            letter_id
            for letter_id, body in bodies.iterator(chunk_size=BODIES)
            if field_conditions.holds(
                conditions,
                mask_body(body) if self.masked else body,
                around.get(letter_id),
            )
        }
        return [letter for letter in letters if letter.pk in found]

    def check_readable(self, most: int) -> None:
        """Raises TooManyToReadError if more than *most* bodies would be read."""
        if self.fields and self.candidates().order_by()[: most + 1].count() > most:
            raise TooManyToReadError(
                f"More than {most:,} bodies would have to be read. Choose by group, queue, "
                "type or time as well, or use manage.py redrive_dlq, which takes its time."
            )

    def candidates(self) -> QuerySet[DeadLetter]:
        """The letters that match by columns alone, the oldest first."""
        found = self._selectable()
        for name in ("queue", "type"):
            if getattr(self, name):
                found = found.filter(**{name: getattr(self, name)})
        if self.error:
            found = found.filter(error_type=self.error)
        if self.group is not None:
            found = found.filter(group_id=self.group)
        if self.since is not None:
            found = found.filter(last_failed_at__gte=self.since)
        if self.ids:
            found = found.filter(self._named())
        if self.search:
            searched = full_text.search(self.search, bodies=not self.masked)
            found = found.filter(searched.letters)
        if self.but is not None:
            found = found.exclude(pk=self.but)
        if self.after is not None:
            found = found.filter(
                ~self._undone(),
                operations__operation=self.after,
                operations__state__in=_WAIT_AGAIN,
            )
        if self.policy is not None:
            found = self._takeable(found)
        if self.discarded_by is not None:
            found = found.filter(
                operations__operation=self.discarded_by,
                operations__state=OperationItem.State.DISCARDED,
                settled_at__lte=Coalesce(
                    "operations__operation__ended_at", timezone.now()
                ),
            )
        return found

    def _takeable(self, letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        """Without letters that staff edited or that cannot be sent as they are, and those
        that its runs took often enough. A cancelled run took only what it sent.
        """
        taken = OperationItem.objects.filter(operation__policy=self.policy).exclude(
            state=_Item.SKIPPED, operation__state=Operation.State.CANCELLED
        )
        by_letter = taken.order_by().values("letter", "operation__policy__times")
        often = by_letter.annotate(runs=Count("pk")).filter(
            runs__gte=F("operation__policy__times")
        )
        found = letters.filter(revision=0).exclude(body_fingerprint="")
        if settings.REDRIVE_LIMIT:
            found = found.filter(redrives__lt=settings.REDRIVE_LIMIT)
        return found.exclude(pk__in=often.values("letter"))

    def _undone(self) -> Exists:
        """The condition that a letter has its body from before the edit `after` again."""
        items = OperationItem.objects.filter(
            operation__undoes=self.after, state=_Item.UNDONE, letter=OuterRef("pk")
        )
        return Exists(items)

    def _selectable(self) -> QuerySet[DeadLetter]:
        state = DeadLetter.State
        if self.discarded:
            found = DeadLetter.objects.filter(state=state.DISCARDED, purged_at=None)
        else:
            found = DeadLetter.objects.filter(state__in=DeadLetter.EDITABLE)
        return found.order_by("pk")

    def _named(self) -> Q:
        numbers = [number for name in self.ids if (number := row_number(name))]
        return (
            Q(pk__in=numbers)
            | Q(request_id__in=list(self.ids))
            | Q(reference__in=list(self.ids))
        )
