"""The handler of returns."""

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar, cast

from processing.events.contracts import OrderReturned
from processing.events.envelope import Event
from processing.handlers.effect import BusinessRuleError, Effect, SenderCanMendError
from processing.handlers.orders import find_orders
from processing.handlers.registry import applies_many, handles
from processing.models import OrderItem, OrderReturn


class NotInOrderError(BusinessRuleError, SenderCanMendError):
    """Something is returned that the order does not hold."""

    message_for_sender: ClassVar = "The order does not hold all of these items. Check their numbers, then send it as a new request."


@handles(OrderReturned)
def return_order(event: Event) -> Effect:
    """Store the return, of items that are in the order."""
    return return_orders([event])[0]


@applies_many(return_order)
def return_orders(events: Sequence[Event]) -> list[Effect]:
    """Raises what `return_order` raises for the first return that has an error."""
    returns = [cast(OrderReturned, event.data) for event in events]
    orders = find_orders(returns)
    ordered = defaultdict(set)
    items = OrderItem.objects.filter(order__in=orders).order_by()
    for order_id, sku in items.values_list("order", "sku"):
        ordered[order_id].add(sku)
    for one in returns:
        if strange := sorted(set(one.skus) - ordered[one.order_id]):
            raise NotInOrderError(
                f"Order {one.order_id} does not hold {', '.join(strange[:10])}.",
                field=f"skus.{one.skus.index(strange[0])}",
            )
    OrderReturn.objects.bulk_create(
        OrderReturn(
            order=orders[one.order_id],
            reason=one.reason,
            skus=one.skus,
            request_id=event.id,
        )
        for one, event in zip(returns, events, strict=True)
    )
    return [Effect(one.made) for one in returns]
