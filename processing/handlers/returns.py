"""The handler of returns."""

from typing import ClassVar, cast

from processing.events.contracts import OrderReturned
from processing.events.envelope import Event
from processing.handlers.effect import BusinessRuleError, Effect, SenderCanMendError
from processing.handlers.orders import find_order
from processing.handlers.registry import handles
from processing.models import OrderReturn


class NotInOrderError(BusinessRuleError, SenderCanMendError):
    """Something is returned that the order does not hold."""

    message_for_sender: ClassVar = "The order does not hold all of these items. Check their numbers, then send it as a new request."


@handles(OrderReturned)
def return_order(event: Event) -> Effect:
    """Store the return, of items that are in the order."""
    data = cast(OrderReturned, event.data)
    order = find_order(data.order_id, data.customer_id)
    ordered = set(order.items.values_list("sku", flat=True))
    if strange := sorted(set(data.skus) - ordered):
        raise NotInOrderError(
            f"Order {data.order_id} does not hold {', '.join(strange[:10])}."
        )
    OrderReturn.objects.create(
        order=order, reason=data.reason, skus=data.skus, request_id=event.id
    )
    return Effect(data.made)
