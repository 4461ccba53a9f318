"""What `redrive_dlq` would do with the letters that it would choose, without doing it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, QuerySet

from dlq_review.bodies import formatting
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations.plans import Plan
from dlq_review.redrive.fates import Fate, fates
from dlq_review.search.selections import Selection


@dataclass(frozen=True, slots=True)
class LetterKind:
    queue: str
    type: str
    error: str

    def __str__(self) -> str:
        parts = (self.queue, self.type or "unreadable", self.error)
        return formatting.one_line("  ".join(parts))


@dataclass(slots=True)
class DryRun:
    plan: Plan
    kinds: Counter[LetterKind] = field(default_factory=Counter)
    """Of all letters that match, also beyond the limit of the plan."""
    fates: Counter[Fate] = field(default_factory=Counter)
    """Of a redrive: of the letters that it would take."""

    @property
    def acts_on(self) -> int:
        """How many would be sent or restored."""
        if self.plan.kind == Operation.Kind.REDRIVE:
            return self.fates[Fate.SENT]
        return min(self.kinds.total(), self.plan.limit or self.kinds.total())

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each kind of letter, and each fate other than to be sent."""
        for kind, count in self.kinds.most_common():
            yield count, str(kind)
        for fate in Fate:
            if self.fates[fate] and fate != Fate.SENT:
                yield self.fates[fate], f"{fate.said(self.plan.to)}."

    def as_json(self) -> dict[str, Any]:
        rows = [
            {"queue": one.queue, "type": one.type, "error": one.error, "count": n}
            for one, n in self.kinds.most_common()
        ]
        if self.plan.kind != Operation.Kind.REDRIVE:
            return {"would_restore": self.acts_on, "kinds": rows}
        skipped = {
            fate.value: self.fates[fate]
            for fate in Fate
            if fate.skipped and self.fates[fate]
        }
        return {
            "would_send": self.acts_on,
            "done_already": self.fates[Fate.DONE_ALREADY],
            "would_skip": skipped,
            "kinds": rows,
        }


def look(
    selection: Selection, plan: Plan, on_read: Callable[[int], None] = lambda read: None
) -> DryRun:
    """*on_read* is called with the number of bodies read, if the selection reads any."""
    found = DryRun(plan)
    if not selection.fields:
        chosen = selection.candidates()
        rows = chosen.order_by().values_list("queue", "type", "error_type")
        for *kind, count in rows.annotate(count=Count("pk")):
            found.kinds[LetterKind(*kind)] = count
        _foretell(found, chosen[: plan.limit].values("pk"))
        return found
    for page in selection.pages(on_read):
        before = found.kinds.total()
        found.kinds.update(
            LetterKind(one.queue, one.type, one.error_type) for one in page
        )
        room = None if plan.limit is None else max(plan.limit - before, 0)
        _foretell(found, [one.pk for one in page[:room]])
    return found


def _foretell(found: DryRun, numbers: Iterable[int] | QuerySet) -> None:
    """Count the fates of the letters with these *numbers*."""
    plan = found.plan
    if plan.kind == Operation.Kind.REDRIVE:
        letters = DeadLetter.objects.filter(pk__in=numbers)
        found.fates += fates(letters, to=plan.to, override_limit=plan.override_limit)
