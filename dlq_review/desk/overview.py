"""The context of the admin's first page."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum

from dlq_review.desk.charts import chart
from dlq_review.desk.flow import flow
from dlq_review.models import Arrival, DeadLetter, FailureGroup, LifeSign
from dlq_review.monitoring import deadlines, health
from dlq_review.monitoring.failure_rates import failures_by_queue
from dlq_review.search.selections import since

_MOST = 10_000
LATELY = "3h"  # of the choices of the list


def overview(window: str = "") -> dict[str, Any]:
    sums = FailureGroup.objects.aggregate(Sum("waiting"), Sum("redriven"))
    waiting = DeadLetter.objects.filter(state__in=DeadLetter.WAITING)
    day, fortnight = (
        failures_by_queue(24, timedelta(hours=1)),
        failures_by_queue(14, timedelta(days=1)),
    )
    top = FailureGroup.objects.filter(waiting__gt=0).order_by("-waiting")[:6]
    return {
        "warnings": health.warnings(),
        "waiting": sums["waiting__sum"] or 0,
        "redriven": sums["redriven__sum"] or 0,
        "lately": _count(DeadLetter.objects.filter(last_failed_at__gte=since(LATELY))),
        "soon": _count(waiting.filter(deadlines.near_limit())),
        "overdue": _count(DeadLetter.objects.filter(deadlines.overdue())),
        "oldest": _oldest(),
        "unarchived": _count(Arrival.unarchived()) if settings.ARCHIVE_BUCKET else "",
        "flow": flow(window),
        "day": chart(day, "%H:00"),
        "fortnight": chart(fortnight, "%d %b"),
        "top": [
            (group, round(group.waiting / top[0].waiting * 100, 1)) for group in top
        ],
        "depths": health.depths(),
        "signs": LifeSign.objects.order_by("name"),
    }


def _oldest() -> DeadLetter | None:
    """The letter that has waited longest.

    One query per state: the index orders letters within a state.
    """
    by_age = DeadLetter.objects.order_by("first_failed_at")
    found = (by_age.filter(state=state).first() for state in DeadLetter.WAITING)
    return min(filter(None, found), key=lambda one: one.first_failed_at, default=None)


def _count(rows: QuerySet[DeadLetter] | QuerySet[Arrival]) -> str:
    """The count, at most 10,000: nobody needs a larger figure."""
    count = rows.order_by()[:_MOST].count()
    return f"{count:,}+" if count == _MOST else f"{count:,}"
