"""Choose dead letters by what they are, for a command or an operation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.utils import timezone

from dlq_review.models import DeadLetter

SINCE = {"1h": 1, "3h": 3, "24h": 24, "7d": 7 * 24, "14d": 14 * 24}  # hours


def since(name: str) -> datetime:
    """The moment that *name*, one of SINCE, begins now."""
    return timezone.now() - timedelta(hours=SINCE[name])


@dataclass(frozen=True, slots=True)
class Selection:
    """Empty fields do not narrow. What does not wait for anybody is never selected."""

    ids: Sequence[str] = ()
    """Numbers of dead letters, request ids or references."""
    queue: str = ""
    type: str = ""
    error: str = ""
    group: int | None = None
    since: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return self == Selection()

    def as_json(self) -> dict[str, Any]:
        """What narrows, for the record."""
        found = {name: value for name, value in asdict(self).items() if value}
        if self.since is not None:
            found["since"] = self.since.isoformat()
        return found

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        since = told.get("since")
        return cls(
            **{**told, "since": datetime.fromisoformat(since) if since else None}
        )

    def letters(self) -> QuerySet[DeadLetter]:
        """Open and quarantined letters, the oldest first."""
        found = DeadLetter.objects.filter(state__in=DeadLetter.EDITABLE)
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
        return found.order_by("pk")

    def _named(self) -> Q:
        numbers = [
            int(name) for name in self.ids if name.isdecimal() and len(name) < 19
        ]
        return (
            Q(pk__in=numbers)
            | Q(request_id__in=list(self.ids))
            | Q(reference__in=list(self.ids))
        )
