"""What is stored of the requests that were processed, to compare the failures with.

No bodies are kept of them. An outcome has a type and a time; the rows that a handler wrote
have some fields; and a dead letter that was processed after its redrive still has its body.
Nothing is stored of the worker, the release and the attributes of a processed request.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncHour

from dlq_review.facets.values import Facets, Leaf, Places
from dlq_review.letters import current_event
from dlq_review.models import DeadLetter
from processing.events import strict_json
from processing.models import Order, OrderItem, OrderReturn, Outcome

OUTCOMES = 2_000  # the newest, of any type
LETTERS = 200  # that were redriven and processed
_HOUR = "%Y-%m-%dT%H"
Requests = QuerySet[Outcome, Any]
Rows = Iterator[list[Leaf]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where figures about processed requests come from."""

    name: str
    facets: Facets = field(default_factory=Facets)
    paths: tuple[str, ...] = ()
    """The paths that it has; empty for all."""

    def share(self, path: str, value: str) -> float | None:
        """The share of requests with *value* at *path*; None if it is not known."""
        if not self.facets.letters or (self.paths and path not in self.paths):
            return None
        facet = self.facets.by_path.get(path)
        return facet.values[value] / self.facets.letters if facet else 0.0


@dataclass(frozen=True, slots=True)
class Processed:
    """The newest processed requests of one type, as far as they are known."""

    looked_at: int = 0
    """The newest outcomes, of any type."""
    requests: int = 0
    """How many of them are of the type, and were processed."""
    sources: tuple[Source, ...] = ()
    hours: Counter[str] = field(default_factory=Counter)
    since: str = ""
    """The first hour that these outcomes hold wholly; empty for all hours."""

    def source(self, path: str) -> Source | None:
        """The best source of figures about *path*."""
        known = (
            one
            for one in self.sources
            if one.facets.letters and (not one.paths or path in one.paths)
        )
        return next(known, None)

    def share_of_hour(self, hour: str) -> float | None:
        if not self.requests or hour < self.since:
            return None
        return self.hours[hour] / self.requests


def processed(type: str) -> Processed:
    """What is known of the newest requests of *type* that were processed."""
    newest = Outcome.objects.order_by("-at")[:OUTCOMES]
    looked_at, first, last = newest.aggregate(
        n=Count("pk"), a=Min("at"), b=Max("at")
    ).values()
    if not looked_at:
        return Processed()
    done = Outcome.objects.filter(
        type=type, kind=Outcome.Kind.PROCESSED, at__range=(first, last)
    ).order_by()
    by_hour = done.values_list(TruncHour("at", tzinfo=UTC)).annotate(Count("pk"))
    hours = Counter({_hour(at): count for at, count in by_hour})
    return Processed(
        looked_at=looked_at,
        requests=hours.total(),
        sources=tuple(_sources(type, done)),
        hours=hours,
        # Of its first hour only a part may be among the newest.
        since=f"{_hour(first)}+" if looked_at == OUTCOMES else "",
    )


def _hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):{_HOUR}}"


def _sources(type: str, done: QuerySet[Outcome]) -> Iterator[Source]:
    if type in _ROWS:
        name, paths, read = _ROWS[type]
        facets = Facets()
        for found in read(done.values("request_id")):
            facets.add(found)
        yield Source(name, facets, paths)
    yield Source("repaired letters", _repaired(type))


def _repaired(type: str) -> Facets:
    """The bodies of the newest letters of *type* that were processed after a redrive."""
    settled = DeadLetter.objects.filter(type=type, state=DeadLetter.State.RESOLVED)
    settled = settled.only("request_id", "redriven_at", "revision")
    newest = list(settled.order_by("-last_failed_at", "-pk")[:LETTERS])
    requests = [one.request_id for one in newest if one.redriven_at]
    known = set(Outcome.processed(*requests).values_list("request_id", flat=True))
    letters = [one for one in newest if one.request_id in known]
    facets, places = Facets(), Places()
    for body in current_event.some_bodies(letters).values():
        try:
            document = strict_json.loads(body)
        except strict_json.UnreadableJSONError:
            continue
        facets.add(places.leaves(document))
    return facets


def _orders(requests: Requests) -> Rows:
    items: dict[str, list[Leaf]] = defaultdict(list)
    lines = OrderItem.objects.filter(order__request_id__in=requests).order_by()
    for order, sku, quantity, price in lines.values_list(
        "order_id", "sku", "quantity", "unit_price"
    ):
        items[order] += (
            ("data.items[*].sku", sku, 0),
            ("data.items[*].quantity", str(quantity), 0),
            ("data.items[*].unit_price", f"{price:.2f}", 0),
        )
    orders = Order.objects.filter(request_id__in=requests).order_by()
    for order, customer, currency, total in orders.values_list(
        "order_id", "customer_id", "currency", "total"
    ):
        yield [
            ("data.order_id", order, 0),
            ("data.customer_id", customer, 0),
            ("data.currency", currency, 0),
            ("data.total", f"{total:.2f}", 0),
            *items[order],
        ]


def _returns(requests: Requests) -> Rows:
    rows = OrderReturn.objects.filter(request_id__in=requests).order_by()
    for order, skus in rows.values_list("order_id", "skus"):
        found = [("data.skus[*]", str(sku), 0) for sku in skus]
        yield [("data.order_id", order, 0), *found]


#: By type: what the rows are called, which paths of a body they have, and who reads them.
_ROWS: dict[str, tuple[str, tuple[str, ...], Callable[[Requests], Rows]]] = {
    "order_created": (
        "orders",
        (
            *("data.order_id", "data.customer_id", "data.currency", "data.total"),
            *("data.items[*].sku", "data.items[*].quantity"),
            "data.items[*].unit_price",
        ),
        _orders,
    ),
    "order_returned": ("returns", ("data.order_id", "data.skus[*]"), _returns),
}
