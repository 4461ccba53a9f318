"""What is stored of the requests that were processed, to compare the failures with.

No bodies are kept of them. An outcome has a type and a time; the rows that a handler wrote
have some fields; and a dead letter that was processed after its redrive still has its body.
Nothing is stored of the worker, the release and the attributes of a processed request.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from dlq_review.facets.values import Facets, documents, leaves
from dlq_review.letters import current_event
from dlq_review.models import DeadLetter
from processing.events import strict_json
from processing.models import Order, OrderItem, OrderReturn, Outcome

OUTCOMES = 2_000  # the newest, of any type
LETTERS = 200  # that were redriven and processed
_AT_ONCE = 500  # rows found by one statement
_HOUR = "%Y-%m-%dT%H"
Rows = Iterator[dict[str, Any]]


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
    newest = list(
        Outcome.objects.order_by("-at").values_list("request_id", "kind", "type", "at")[
            :OUTCOMES
        ]
    )
    done = [
        (request, at)
        for request, kind, of, at in newest
        if (kind, of) == (Outcome.Kind.PROCESSED, type)
    ]
    full = len(newest) == OUTCOMES
    return Processed(
        looked_at=len(newest),
        requests=len(done),
        sources=tuple(_sources(type, [request for request, _ in done])),
        hours=Counter(_hour(at) for _, at in done),
        # Of its first hour only a part may be among the newest.
        since=f"{_hour(newest[-1][3])}+" if full else "",
    )


def _hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):{_HOUR}}"


def _sources(type: str, requests: Sequence[str]) -> Iterator[Source]:
    if type in _ROWS:
        name, paths, read = _ROWS[type]
        facets = Facets()
        for document in read(requests):
            facets.add(leaves(document, document))
        yield Source(name, facets, paths)
    yield Source("repaired letters", _repaired(type))


def _repaired(type: str) -> Facets:
    """The bodies of the newest letters of *type* that were processed after a redrive."""
    settled = DeadLetter.objects.filter(type=type, state=DeadLetter.State.RESOLVED)
    newest = list(settled.order_by("-last_failed_at", "-pk")[:LETTERS])
    requests = [one.request_id for one in newest if one.redriven_at]
    known = set(Outcome.processed(*requests).values_list("request_id", flat=True))
    letters = [one for one in newest if one.request_id in known]
    facets = Facets()
    for body in current_event.some_bodies(letters).values():
        try:
            facets.add(leaves(*documents(body)))
        except strict_json.UnreadableJSONError:
            continue
    return facets


def _orders(requests: Sequence[str]) -> Rows:
    for some in _parted(requests):
        orders = Order.objects.filter(request_id__in=some).order_by()
        items: dict[str, list[dict[str, Any]]] = {}
        lines = OrderItem.objects.filter(order__request_id__in=some).order_by()
        for order, sku, quantity, price in lines.values_list(
            "order_id", "sku", "quantity", "unit_price"
        ):
            line = {"sku": sku, "quantity": quantity, "unit_price": f"{price:.2f}"}
            items.setdefault(order, []).append(line)
        for one in orders.values_list("order_id", "customer_id", "currency", "total"):
            order, customer, currency, total = one
            named = {"order_id": order, "customer_id": customer, "currency": currency}
            yield {
                "data": {**named, "total": f"{total:.2f}", "items": items.get(order)}
            }


def _returns(requests: Sequence[str]) -> Rows:
    for some in _parted(requests):
        rows = OrderReturn.objects.filter(request_id__in=some).order_by()
        for order, skus in rows.values_list("order_id", "skus"):
            yield {"data": {"order_id": order, "skus": skus}}


def _parted(requests: Iterable[str]) -> Iterator[list[str]]:
    left = iter(requests)
    while some := list(islice(left, _AT_ONCE)):
        yield some


#: By type: what the rows are called, which paths of a body they have, and who reads them.
_ROWS: dict[str, tuple[str, tuple[str, ...], Callable[[Sequence[str]], Rows]]] = {
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
