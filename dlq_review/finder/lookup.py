"""Find requests by any name that people have for them, each by an index.

A name is a request id, correlation id, order id, customer id, SQS message id, address, or
a receipt, pasted whole or as part of its URL. An address is personal data: finding it could
tell whose account exists, so that needs the permission to see personal data.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote

from django.db.models import Q
from django.db.models.functions import Lower

from dlq_review.models import Arrival, DeadLetter
from processing.events.masking import mask_reference
from processing.models import (
    Attempt,
    Order,
    OrderReturn,
    Outcome,
    Signup,
    SpooledEvent,
    User,
)
from processing.receipts import Receipt, UnknownReceiptError
from processing.sqs.topology import SOURCE_OF

MOST = 50  # rows of one kind
LONGEST = 2_000  # characters that are looked up; a receipt's URL is shorter


@dataclass(frozen=True, slots=True)
class Hit:
    """One row of a request. `title` holds no personal data."""

    request_id: str
    kind: str
    title: str
    at: datetime | None = None


@dataclass(slots=True)
class Found:
    hits: list[Hit] = field(default_factory=list)
    receipt: str = ""
    """The token of a genuine receipt, if the text held one."""
    cut: bool = False
    """There are more rows of a kind than MOST."""
    hidden: bool = False
    """The text is personal data, which this person may not look for."""

    @property
    def requests(self) -> list[str]:
        return list(dict.fromkeys(hit.request_id for hit in self.hits))


def find(text: str, *, personal: bool) -> Found:
    """The requests that *text* names. An address finds nothing unless *personal* is true."""
    text = text.strip()
    if not text or len(text) > LONGEST or "\x00" in text:
        return Found()
    if receipt := receipt_in(text):
        hit = Hit(receipt.request_id, "Receipt", "A genuine receipt")
        return Found([hit], receipt=receipt.token)
    if is_personal(text) and not personal:
        return Found(hidden=True)
    found = Found()
    for rows in _ROWS:
        hits = list(rows(text))
        found.hits += [hit for hit in hits[:MOST] if hit.request_id]
        found.cut |= len(hits) > MOST
    if own := [hit for hit in found.hits if hit.request_id == text]:
        return Found(own)  # a request id names no other, whatever else is called so
    return found


def is_personal(text: str) -> bool:
    """Whether pages show *text* masked."""
    return mask_reference(text) != text


def receipt_in(text: str) -> Receipt | None:
    """The first genuine receipt among the parts of *text*, such as a URL."""
    for part in re.split(r"[\s/?#&=<>\"]+", unquote(text)):
        try:
            return Receipt.read(part)
        except UnknownReceiptError:
            continue
    return None


def _letters(text: str) -> Iterator[Hit]:
    for names in (
        Q(request_id=text),
        Q(correlation_id=text),
        Q(reference__in=(text, text.lower())),
        Q(customer_id=text),
        Q(pk__in=_pulled_as(text)),
    ):
        for one in DeadLetter.objects.filter(names).order_by("-pk")[: MOST + 1]:
            title = f"{one.get_state_display()}, {one.error_type}: {one}"
            yield Hit(one.request_id, "Dead letter", title, one.last_failed_at)


def _pulled_as(message_id: str) -> list[int]:
    arrivals = Arrival.objects.filter(
        dlq__in=SOURCE_OF, message_id=message_id
    ).order_by()
    return list(arrivals.values_list("letter", flat=True))


def _orders(text: str) -> Iterator[Hit]:
    orders = Order.objects.alias(address=Lower("email")).order_by("-created_at")
    for names in (
        Q(pk=text),
        Q(request_id=text),
        Q(customer_id=text),
        Q(address=text.lower()),
    ):
        for one in orders.filter(names)[: MOST + 1]:
            title = f"{one.order_id} of customer {one.customer_id}, {one.status}"
            yield Hit(one.request_id, "Order", title, one.created_at)


def _returns(text: str) -> Iterator[Hit]:
    for names in (
        Q(order_id=text),
        Q(request_id=text),
        Q(order__customer_id=text),
    ):
        for one in OrderReturn.objects.filter(names)[: MOST + 1]:
            yield Hit(one.request_id, "Return", str(one), one.created_at)


def _accounts(text: str) -> Iterator[Hit]:
    addressed = User.objects.alias(address=Lower("email")).exclude(email="")
    by_address = addressed.filter(address=text.lower())  # by the index of these
    by_request = User.objects.filter(request_id=text)
    for account in (*by_address[:MOST], *by_request[:MOST]):
        if account.request_id:  # staff are made by hand
            opened = "open" if account.is_active else "not verified yet"
            title = f"{account}, {opened}"
            yield Hit(account.request_id, "Account", title, account.date_joined)
        for one in account.signups.all()[: MOST + 1]:
            yield Hit(one.request_id, "Sign-up", str(account), one.asked_at)
    for one in Signup.objects.filter(pk=text).select_related("account"):
        yield Hit(one.request_id, "Sign-up", str(one.account), one.asked_at)


def _outcomes(text: str) -> Iterator[Hit]:
    for outcomes in (
        Outcome.objects.filter(pk=text),
        Outcome.correlated(text),
        Outcome.objects.filter(order_id=text),
    ):
        for one in outcomes.order_by()[: MOST + 1]:
            yield hit_of(one)


def hit_of(outcome: Outcome) -> Hit:
    made = outcome.made.get("order", "")
    title = f"{outcome.type} {outcome.kind}" + (f": {made}" if made else "")
    title += f", {outcome.made['status']}" if "status" in outcome.made else ""
    return Hit(outcome.request_id, "Outcome", title, outcome.at)


def _attempts(text: str) -> Iterator[Hit]:
    for names in (Q(request_id=text), Q(message_id=text)):
        for one in Attempt.objects.filter(names).order_by("-pk")[: MOST + 1]:
            title = f"{one.error_type} on {one.queue}, delivery {one.receive_count}"
            yield Hit(one.request_id, "Failed attempt", title, one.started_at)


def _spooled(text: str) -> Iterator[Hit]:
    for names in (Q(pk=text), Q(cause=text), Q(order_id=text)):
        for one in SpooledEvent.objects.filter(names).order_by()[: MOST + 1]:
            title = "Waits in the spool until SQS takes it"
            yield Hit(one.request_id, "Spooled event", title, one.created_at)


_ROWS: tuple[Callable[[str], Iterable[Hit]], ...] = (
    *(_letters, _orders, _returns, _accounts, _spooled, _outcomes, _attempts),
)
