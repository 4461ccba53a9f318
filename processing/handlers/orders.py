"""The handlers of order events."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from processing.events.contracts import OrderCreated, OrderUpdated
from processing.events.envelope import Event, identify
from processing.events.timestamps import AHEAD
from processing.handlers import desk
from processing.handlers.effect import (
    BusinessRuleError,
    Effect,
    SenderCanMendError,
    TransientError,
)
from processing.handlers.registry import applies_many, handles
from processing.models import Order, OrderItem, Outcome, SpooledEvent

#: One sentence for both cases, so that it does not reveal which order numbers exist.
_NO_SUCH_ORDER = "We know no such order under this customer number. Check both numbers, then send it as a new request."


class UnknownOrderError(TransientError, SenderCanMendError):
    """The order that this event is about does not exist yet."""

    message_for_sender = _NO_SUCH_ORDER


class OrderOnItsWayError(TransientError):
    """The order that this event is about was accepted, and is not made yet."""


class OrderExistsError(BusinessRuleError):
    """There is another order with this order id."""


class OrderOfAnotherError(BusinessRuleError, SenderCanMendError):
    """The order was placed under another customer number."""

    message_for_sender = _NO_SUCH_ORDER


@handles(OrderCreated)
def create_order(event: Event) -> Effect:
    """Store the order. If it exists with the same content, do nothing."""
    order = _order_in(event)
    try:
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError:
        found = Order.objects.get(order_id=order.order_id)
        if found.fingerprint != event.fingerprint:
            raise OrderExistsError(
                f"Another order has the id {order.order_id}. Give this one an id of its own."
            ) from None
    else:
        OrderItem.objects.bulk_create(_items_of(order, event))
    return Effect(event.data.made)


@applies_many(create_order)
def create_orders(events: Sequence[Event]) -> list[Effect]:
    """Store the orders. Raises IntegrityError if one of them exists."""
    orders = Order.objects.bulk_create(map(_order_in, events))
    OrderItem.objects.bulk_create(
        item
        for order, event in zip(orders, events, strict=True)
        for item in _items_of(order, event)
    )
    return [Effect(event.data.made) for event in events]


def _order_in(event: Event) -> Order:
    data = cast(OrderCreated, event.data)
    return Order(
        order_id=data.order_id,
        customer_id=data.customer_id,
        email=data.email,
        currency=data.currency,
        total=data.total,
        status_changed_at=event.timestamp,
        request_id=event.id,
        fingerprint=event.fingerprint,
    )


def _items_of(order: Order, event: Event) -> Iterator[OrderItem]:
    for line, item in enumerate(cast(OrderCreated, event.data).items, start=1):
        yield OrderItem(
            order=order,
            line=line,
            sku=item.sku,
            quantity=item.quantity,
            unit_price=item.unit_price,
        )


@handles(OrderUpdated)
def update_order(event: Event) -> Effect:
    """Set the status, unless a later change is stored already.

    The creation has its time by our clock and a change by its sender's, so only changes
    are ranked. Of two at the same time the one that arrives later counts.
    """
    data = cast(OrderUpdated, event.data)
    order = find_order(data.order_id, data.customer_id)
    changed = Order.objects.filter(_may_change(data.changed_at), pk=order.pk).update(
        status=data.status, status_changed_at=data.changed_at
    )
    return Effect(
        {"order": data.order_id, "status": data.status if changed else Outcome.STALE}
    )


def find_order(order_id: str, customer_id: str) -> Order:
    """The order of this customer.

    Raises UnknownOrderError, OrderOnItsWayError or OrderOfAnotherError.
    """
    order = Order.objects.filter(order_id=order_id).first()
    if order is None:
        raise _missing(order_id)
    if order.customer_id != customer_id:
        raise OrderOfAnotherError(
            f"Order {order_id} was placed under another customer number."
        )
    return order


def _may_change(at: datetime) -> Q:
    """The orders without a later change than *at*."""
    # Earlier releases accepted any time, so a time in the future must not freeze an order.
    ahead = Q(status_changed_at__gt=timezone.now() + AHEAD)
    return ahead | Q(status=Order.Status.CREATED) | Q(status_changed_at__lte=at)


def _missing(order_id: str) -> TransientError:
    """The error for a missing order *order_id*: nobody sent it, or it is still waiting."""
    if desk.has_waiting(OrderCreated.type, order_id) or _is_spooled(order_id):
        return OrderOnItsWayError(
            f"Order {order_id} was accepted, and is not made yet."
        )
    return UnknownOrderError(f"There is no order {order_id} yet.")


def _is_spooled(order_id: str) -> bool:
    if SpooledEvent.objects.filter(order_id=order_id).exists():
        return True
    # Written by an earlier release, which stored no order id beside the body.
    unnamed = SpooledEvent.objects.filter(
        order_id=None, body__contains=f'"order_id":"{order_id}"'
    )
    found = (identify(one.body, fallback_id=one.request_id) for one in unnamed)
    made = (OrderCreated.type, order_id)
    return any((one.type, one.reference) == made for one in found)
