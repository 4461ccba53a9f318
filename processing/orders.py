"""What order events do."""

from typing import cast

from django.db import IntegrityError, transaction

from processing.contracts import OrderCreated, OrderUpdated
from processing.effects import Effect, RefusedError, TransientError
from processing.events import Event
from processing.models import Order, OrderItem


class UnknownOrderError(TransientError):
    """The order of this update does not exist yet."""


class OrderExistsError(RefusedError):
    """There is another order with this order id."""


class OrderOfAnotherError(RefusedError):
    """The order was placed under another customer number."""


def create_order(event: Event) -> Effect:
    """Store the order. One that exists with the same content is skipped."""
    data = cast(OrderCreated, event.data)
    try:
        with transaction.atomic():
            order = Order.objects.create(
                order_id=data.order_id,
                customer_id=data.customer_id,
                email=data.email,
                currency=data.currency,
                total=data.total,
                status_changed_at=event.timestamp,
                request_id=event.id,
                fingerprint=event.fingerprint,
            )
    except IntegrityError:
        order = Order.objects.get(order_id=data.order_id)
        if order.fingerprint != event.fingerprint:
            raise OrderExistsError(
                f"Another order has the id {data.order_id}. Give this one an id of its own."
            ) from None
    else:
        OrderItem.objects.bulk_create(
            OrderItem(
                order=order,
                line=line,
                sku=item.sku,
                quantity=item.quantity,
                unit_price=item.unit_price,
            )
            for line, item in enumerate(data.items, start=1)
        )
    return Effect(data.made)


def update_order(event: Event) -> Effect:
    """Set the status, unless a later change is stored already."""
    data = cast(OrderUpdated, event.data)
    order = Order.objects.filter(order_id=data.order_id).first()
    if order is None:
        raise UnknownOrderError(f"There is no order {data.order_id} yet.")
    if order.customer_id != data.customer_id:
        raise OrderOfAnotherError(
            f"Order {data.order_id} was placed under another customer number."
        )
    older = Order.objects.filter(pk=order.pk, status_changed_at__lt=data.changed_at)
    changed = older.update(status=data.status, status_changed_at=data.changed_at)
    return Effect(
        {"order": data.order_id, "status": data.status if changed else "stale"}
    )
