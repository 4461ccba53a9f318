"""The handlers of order events."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast

from django.db import IntegrityError, transaction
from django.utils import timezone

from processing.events.contracts import OrderCreated, OrderReturned, OrderUpdated
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
                f"Another order has the id {order.order_id}. Give this one an id of its own.",
                field="order_id",
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
    return update_orders([event])[0]


@applies_many(update_order)
def update_orders(events: Sequence[Event]) -> list[Effect]:
    """Raises what `update_order` raises for the first order that has an error."""
    changes = [cast(OrderUpdated, event.data) for event in events]
    orders = find_orders(changes, lock=True)
    changed = {}
    for change in changes:
        order = orders[change.order_id]
        if _may_change(order, change.changed_at):
            order.status = change.status
            order.status_changed_at = change.changed_at
            changed[order.order_id] = order
    Order.objects.bulk_update(changed.values(), ["status", "status_changed_at"])
    return [
        Effect(
            {
                "order": one.order_id,
                "status": one.status if one.order_id in changed else Outcome.STALE,
            }
        )
        for one in changes
    ]


def find_orders(
    named: Sequence[OrderUpdated | OrderReturned], *, lock: bool = False
) -> dict[str, Order]:
    """The orders that *named* are about, by id, of their customers.

    Raises UnknownOrderError, OrderOnItsWayError or OrderOfAnotherError.
    """
    found = Order.objects.filter(pk__in=[one.order_id for one in named])
    if lock:  # in the order of the ids, so that two workers never deadlock
        found = found.order_by("pk").select_for_update(no_key=True)
    orders = {order.order_id: order for order in found}
    for one in named:
        order = orders.get(one.order_id)
        if order is None:
            raise _missing(one.order_id)
        if order.customer_id != one.customer_id:
            raise OrderOfAnotherError(
                f"Order {one.order_id} was placed under another customer number.",
                field="customer_id",
            )
    return orders


def _may_change(order: Order, at: datetime) -> bool:
    """Whether *order* has no later change than *at*."""
    # Earlier releases accepted any time, so a time in the future must not freeze an order.
    ahead = order.status_changed_at > timezone.now() + AHEAD
    is_new = order.status == Order.Status.CREATED
    return ahead or is_new or order.status_changed_at <= at


def _missing(order_id: str) -> TransientError:
    """The error for a missing order *order_id*: nobody sent it, or it is still waiting."""
    if desk.has_waiting(OrderCreated.type, order_id) or _is_spooled(order_id):
        return OrderOnItsWayError(
            f"Order {order_id} was accepted, and is not made yet."
        )
    return UnknownOrderError(f"There is no order {order_id} yet.", field="order_id")


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
