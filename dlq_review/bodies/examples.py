"""One valid event of each type, to start from where a body cannot be read at all."""

from datetime import UTC, datetime
from decimal import Decimal

from processing.events.contracts import (
    Contract,
    EmailRequested,
    Item,
    OrderCreated,
    OrderUpdated,
    SignupRequested,
)
from processing.events.envelope import Event


def example(type: str, request_id: str) -> str:
    """The body of an example event of *type* under *request_id*. Raises KeyError."""
    return Event.new(_examples()[type], id=request_id).body


def _examples() -> dict[str, Contract]:
    examples = (
        OrderCreated(
            order_id="ORD-1",
            customer_id="C-1",
            email="name@example.com",
            currency="EUR",
            items=[Item(sku="SKU-1", quantity=1, unit_price=Decimal("9.90"))],
        ),
        OrderUpdated(
            order_id="ORD-1",
            customer_id="C-1",
            status="paid",
            changed_at=datetime.now(UTC),
        ),
        SignupRequested(email="name@example.com", name="Name"),
        EmailRequested(
            recipient="name@example.com", subject="Subject", body="Text of the mail."
        ),
    )
    return {contract.type: contract for contract in examples}
