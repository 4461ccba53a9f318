"""The contracts: each event type is declared here, once.

The form, the JSON API, the worker, the edit screen and the rehearsal (a dry run) validate
with these classes, and take titles and examples from them. Change them additively: a new
field may be left out and is None then. A breaking change is a new type, and the old one
stays until no queue and no dead letter holds it.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from processing.events.contract import Contract
from processing.events.errors import UnknownEventTypeError, UnreadableEventError
from processing.events.field_types import (
    Country,
    Email,
    Money,
    Name,
    OrderId,
    Paragraphs,
    PastMoment,
    Phone,
    Price,
    Public,
    Reference,
    ShortLine,
)


class Item(BaseModel):
    model_config = Contract.model_config

    sku: Annotated[Reference, Public()]
    quantity: Annotated[int, Field(ge=1, le=10_000), Public()]
    unit_price: Annotated[Price, Public()]

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


def _total(values: dict[str, Any]) -> Decimal:
    return sum((item.amount for item in values.get("items", ())), Decimal("0.00"))


class OrderCreated(Contract):
    type = "order_created"
    title = "A new order"
    queue = "orders"
    group_field = "customer_id"
    reference_field = "order_id"
    accepted_from_anyone = True
    example = {  # noqa: RUF012 - never changed
        "order_id": "ORD-1",
        "customer_id": "C-17",
        "email": "ada@example.com",
        "currency": "EUR",
        "items": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"}],
    }

    order_id: Annotated[OrderId, Public()]
    customer_id: Annotated[Reference, Public()]
    email: Email
    # Currencies with two decimals, as Money has.
    currency: Annotated[
        Literal["AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK", "USD"],
        Public(),
    ]
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]
    total: Annotated[Money, Field(validate_default=True), Public()] = Field(
        default_factory=_total
    )

    @field_validator("total")
    @classmethod
    def _is_the_sum(cls, total: Decimal, info: Any) -> Decimal:
        if "items" in info.data and total != _total(info.data):
            raise PydanticCustomError(
                "total", "The items add up to {sum}.", {"sum": str(_total(info.data))}
            )
        return total

    @property
    def made(self) -> dict[str, str]:
        return {"order": self.order_id}


class OrderUpdated(Contract):
    type = "order_updated"
    title = "A change of an order"
    queue = "orders"
    group_field = "customer_id"
    reference_field = "order_id"
    accepted_from_anyone = True
    example = {  # noqa: RUF012
        "order_id": "ORD-1",
        "customer_id": "C-17",
        "status": "paid",
        "changed_at": "2026-11-20T10:00:00Z",
    }

    order_id: Annotated[OrderId, Public()]
    customer_id: Annotated[Reference, Public()]
    status: Annotated[Literal["paid", "shipped", "delivered", "cancelled"], Public()]
    changed_at: Annotated[PastMoment, Public()]
    """Orders the updates: one older than what is stored changes nothing."""

    @property
    def about_order(self) -> str:
        return self.order_id

    @property
    def made(self) -> dict[str, str]:
        """As if no later change is stored; the handler knows."""
        return {"order": self.order_id, "status": self.status}


class OrderReturned(Contract):
    """A customer returns items of an order that we know."""

    type = "order_returned"
    title = "A return"
    queue = "returns"
    group_field = "customer_id"
    reference_field = "order_id"
    accepted_from_anyone = True
    example = {  # noqa: RUF012
        "order_id": "ORD-1",
        "customer_id": "C-17",
        "reason": "The lid does not close.",
        "skus": ["TEA-1"],
    }

    order_id: Annotated[OrderId, Public()]
    customer_id: Annotated[Reference, Public()]
    reason: Paragraphs
    skus: Annotated[list[Reference], Field(min_length=1, max_length=100), Public()]

    @property
    def about_order(self) -> str:
        return self.order_id

    @property
    def made(self) -> dict[str, str]:
        return {"return": self.order_id}


class Profile(BaseModel):
    model_config = Contract.model_config

    company: ShortLine | None = None
    phone: Phone | None = None
    country: Annotated[Country | None, Public()] = None


class SignupRequested(Contract):
    """Never a password: the account is inactive until its owner opens the mailed link."""

    type = "signup_requested"
    title = "A sign-up"
    queue = "signups"
    group_field = reference_field = "email"
    accepted_from_anyone = True
    example = {"email": "ada@example.com", "name": "Ada"}  # noqa: RUF012

    email: Email
    name: Name
    profile: Profile | None = None


class EmailRequested(Contract):
    """One mail: a template of ours with its context, or a subject and a body."""

    type = "email_requested"
    title = "An email"
    queue = "emails"
    group_field = reference_field = "recipient"
    example = {  # noqa: RUF012
        "recipient": "ada@example.com",
        "subject": "Your order",
        "body": "It is on its way.",
    }

    recipient: Email
    template: Annotated[
        Literal["verify_email", "already_registered"] | None, Public()
    ] = None
    context: dict[ShortLine, ShortLine] = Field(default_factory=dict, max_length=20)
    subject: ShortLine | None = None
    body: Paragraphs | None = None

    @model_validator(mode="after")
    def _template_or_text(self) -> Self:
        if (self.template is None) == (self.subject is None or self.body is None):
            raise PydanticCustomError(
                "mail", "Give either a template, or a subject and a body."
            )
        return self


CONTRACTS: dict[str, type[Contract]] = {
    contract.type: contract for contract in Contract.__subclasses__()
}
ACCEPTED_FROM_ANYONE = {
    name: contract
    for name, contract in CONTRACTS.items()
    if contract.accepted_from_anyone
}


def contract_for(type: object) -> type[Contract]:
    """The contract of *type*. Raises UnreadableEventError or UnknownEventTypeError."""
    if not isinstance(type, str):
        raise UnreadableEventError('The message has no "type".')
    if type not in CONTRACTS:
        raise UnknownEventTypeError(
            f"No event is called {type[:100]!a}. Known are: {', '.join(CONTRACTS)}."
        )
    return CONTRACTS[type]
