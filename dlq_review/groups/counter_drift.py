"""Find and correct groups whose stored counters differ from their letters.

Every transaction changes letters and counters together, so a single statement sees
consistent values, and so does a transaction that holds the lock of a group's row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, F, Q

from dlq_review.groups.counters import COUNTER, find_oldest
from dlq_review.groups.merge import open_or_close
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup

_NAMES = ("waiting", "redriven", "settled")
_RESOLVED = FailureGroup.State.RESOLVED


@dataclass(frozen=True, slots=True)
class Drift:
    """One group whose counters differ from its letters."""

    group: int
    kept: dict[str, int]
    counted: dict[str, int]
    resolved: bool

    def __str__(self) -> str:
        return f"group {self.group}: {', '.join(self._told())}"

    def _told(self) -> Iterator[str]:
        for name in _NAMES:
            if self.kept[name] != self.counted[name]:
                yield f"{name} {self.kept[name]} instead of {self.counted[name]}"
        if self.resolved and self.counted["waiting"]:
            yield f"resolved, with {self.counted['waiting']} waiting"


def drifts() -> list[Drift]:
    """The groups whose counters differ, in one snapshot.

    Reads every letter, and changes nothing.
    """
    counted = {f"its_{name}": _count(name, "letters__") for name in _NAMES}
    same = Q(**{name: F(f"its_{name}") for name in _NAMES})
    hides = Q(state=_RESOLVED, its_waiting__gt=0)
    found = FailureGroup.objects.annotate(**counted).filter(~same | hides)
    return [
        Drift(
            group.pk,
            {name: getattr(group, name) for name in _NAMES},
            {name: getattr(group, f"its_{name}") for name in _NAMES},
            group.state == _RESOLVED,
        )
        for group in found.order_by("pk")
    ]


def mend() -> list[Drift]:
    """Recount the groups that differ, and return them."""
    found = drifts()
    for drift in found:
        _mend(drift)
    return found


@transaction.atomic
def _mend(drift: Drift) -> None:
    group = FailureGroup.objects.select_for_update(no_key=True).get(pk=drift.group)
    # Recounted under the lock: nobody can change a counter until we are done.
    counted = group.letters.aggregate(
        **{f"its_{name}": _count(name) for name in _NAMES}
    )
    for name in _NAMES:
        setattr(group, name, counted[f"its_{name}"])
    before = group.state
    open_or_close(group)
    group.save(update_fields=[*_NAMES, "state"])
    find_oldest([group.pk])
    AuditEntry.note(
        group,
        AuditEntry.Verb.NOTED,
        reason=f"Recounted. {drift}",
        before=before,
        after=group.state,
    )


def _count(counter: str, path: str = "") -> Count:
    states = [state for state in DeadLetter.State if COUNTER[state] == counter]
    return Count(f"{path}pk", filter=Q(**{f"{path}state__in": states}))
