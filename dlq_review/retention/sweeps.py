"""Delete the oldest rows of a table, a few hundred in one transaction.

A sweep finds them by an index, or where rows lie in the order of their age. So a look at a
long table of which nothing is old takes no longer than at a short one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Model, QuerySet

STEP = 500  # rows of one transaction


class Sweep(Protocol):
    def due(self, before: datetime) -> bool:
        """Whether there is a row that is older than *before*."""

    def delete(self, before: datetime) -> int:
        """Delete a step of the rows older than *before*; return how many, 0 for no more."""


class Locked(ABC):
    """Rows that no other transaction holds, in the order of a field, a step at a time."""

    order = "pk"

    @abstractmethod
    def old(self, before: datetime) -> QuerySet[Any]:
        """The rows that are older than *before*."""

    @abstractmethod
    def erase(self, keys: list[Any]) -> None:
        """Delete the rows of these keys, which are locked, and what goes with them."""

    def due(self, before: datetime) -> bool:
        return self.old(before).exists()

    @transaction.atomic
    def delete(self, before: datetime) -> int:
        keys = self.locked(before)
        self.erase(keys)
        return len(keys)

    def locked(self, before: datetime) -> list[Any]:
        old = self.old(before).order_by(self.order)
        free = old.select_for_update(skip_locked=True, of=("self",))
        return list(free.values_list("pk", flat=True)[:STEP])


class Oldest(Locked):
    """Of *rows*, those whose *field* lies furthest back; an index holds it."""

    def __init__(self, rows: Callable[[], QuerySet[Any]], field: str) -> None:
        self.rows, self.order = rows, field

    def old(self, before: datetime) -> QuerySet[Any]:
        return self.rows().filter(**{f"{self.order}__lt": before})

    def erase(self, keys: list[Any]) -> None:
        self.rows().model._base_manager.filter(pk__in=keys).delete()


@dataclass(frozen=True, slots=True)
class First:
    """The first rows of *model*, whose numbers grow with *field*, the time of a row."""

    model: type[Model]
    field: str

    def due(self, before: datetime) -> bool:
        return bool(self._old(before, 1))

    def delete(self, before: datetime) -> int:
        numbers = self._old(before, STEP)
        self.model._base_manager.filter(pk__in=numbers).delete()
        return len(numbers)

    def _old(self, before: datetime, most: int) -> list[Any]:
        rows = self.model._base_manager.order_by("pk").values_list("pk", self.field)
        return [number for number, at in rows[:most] if at < before]


def erase(*rows: QuerySet[Any]) -> None:
    """Delete *rows* alone. Django's own delete first reads every row that refers to one."""
    for some in rows:
        some.order_by()._raw_delete(some.db)


def erase_of(requests: Iterable[str], *models: type[Model]) -> None:
    """Delete the rows of *models* that name one of *requests*."""
    named = list(requests)
    erase(*(one._base_manager.filter(request_id__in=named) for one in models))
