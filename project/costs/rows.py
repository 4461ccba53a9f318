"""What the database of this installation says about its orders."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncMinute
from django.utils import timezone

from processing.models import Attempt, Order, OrderItem, Outcome
from project.costs.measured import BURST_FROM, PATTERNS, STEADY_FROM

WINDOW = timedelta(days=7)
ENOUGH = 1_000  # orders, below which their average says little
_TABLES = (Outcome, Order, OrderItem)


@dataclass(frozen=True, slots=True)
class Counted:
    """The orders of the last days. None is what cannot be known here."""

    orders: int
    """With an outcome in the window."""
    minutes: dict[int, int]
    """How many minutes had so many orders."""
    failed_attempts: int
    table_bytes: float | None

    @property
    def suffices(self) -> bool:
        return self.orders >= ENOUGH

    @property
    def failures(self) -> float:
        """Failed attempts for each order; 0 without orders."""
        return self.failed_attempts / self.orders if self.orders else 0

    @property
    def mix(self) -> dict[str, float]:
        """The share of the orders that came in each pattern, by the rate of their minute."""
        shares = dict.fromkeys(PATTERNS, 0.0)
        for number, minutes in self.minutes.items():
            shares[_pattern(number / 60)] += number * minutes / self.orders
        return shares


def _pattern(per_second: float) -> str:
    if per_second >= BURST_FROM:
        return "burst"
    return "steady" if per_second >= STEADY_FROM else "trickle"


def count() -> Counted:
    now = timezone.now()
    recent = Outcome.objects.filter(type="order_created", at__gte=now - WINDOW)
    return Counted(
        orders=recent.count(),
        minutes=_minutes(recent),
        failed_attempts=Attempt.objects.filter(
            type="order_created", started_at__gte=now - WINDOW
        ).count(),
        table_bytes=bytes_of_an_order(),
    )


def _minutes(outcomes: QuerySet[Outcome]) -> dict[int, int]:
    by_minute = outcomes.order_by().annotate(minute=TruncMinute("at")).values("minute")
    found: dict[int, int] = {}
    for number in by_minute.annotate(number=Count("pk")).values_list(
        "number", flat=True
    ):
        found[number] = found.get(number, 0) + 1
    return found


def bytes_of_an_order() -> float | None:
    """Tables and indexes by the number of orders. None on SQLite, or with too few orders.

    Outcomes of other events count along, so that the figure errs upwards.
    """
    orders = Order.objects.count()
    if connection.vendor != "postgresql" or orders < ENOUGH:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT SUM(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name",
            [[one._meta.db_table for one in _TABLES]],
        )
        return float(cursor.fetchone()[0]) / orders
