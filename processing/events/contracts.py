"""The contracts: what an event of each type may say, declared once.

The form, the JSON API, the worker, the edit screen and the rehearsal all validate with
these classes. A field is personal, and masked at the desk, unless it is marked Public.
Change them additively (a new field with a default); a breaking change is a
new type, and the old one stays until no queue and no dead letter holds it.
"""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

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


class Contract(BaseModel):
    """The `data` of one event type: its shape and rules, its queue and its group."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )
    type: ClassVar[str]
    queue: ClassVar[str]
    """The one queue it is taken from, but for redrives of ours."""
    accepted_from_anyone: ClassVar[bool] = False
    """Whether somebody who is not one of us may send it: by the API, a form, a gateway."""

    @property
    def group(self) -> str:
        """The MessageGroupId: whose events these are."""
        raise NotImplementedError

    @property
    def reference(self) -> str:
        """What staff and customers call it: an order id, an address."""
        raise NotImplementedError

    @property
    def made(self) -> dict[str, str]:
        """What its outcome will say it made, as far as that is known beforehand."""
        return {}


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
    queue = "orders"
    accepted_from_anyone = True

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
    def group(self) -> str:
        return self.customer_id

    @property
    def reference(self) -> str:
        return self.order_id

    @property
    def made(self) -> dict[str, str]:
        return {"order": self.order_id}


class OrderUpdated(Contract):
    type = "order_updated"
    queue = "orders"
    accepted_from_anyone = True

    order_id: Annotated[OrderId, Public()]
    customer_id: Annotated[Reference, Public()]
    status: Annotated[Literal["paid", "shipped", "delivered", "cancelled"], Public()]
    changed_at: Annotated[PastMoment, Public()]
    """Orders the updates: one older than what is stored changes nothing."""

    @property
    def group(self) -> str:
        return self.customer_id

    @property
    def reference(self) -> str:
        return self.order_id


class Profile(BaseModel):
    model_config = Contract.model_config

    company: ShortLine | None = None
    phone: Phone | None = None
    country: Annotated[Country | None, Public()] = None


class SignupRequested(Contract):
    """Never a password: the account is inactive until its owner opens the mailed link."""

    type = "signup_requested"
    queue = "signups"
    accepted_from_anyone = True

    email: Email
    name: Name
    profile: Profile | None = None

    @property
    def group(self) -> str:
        return self.email

    @property
    def reference(self) -> str:
        return self.email


class EmailRequested(Contract):
    """One mail: a template of ours with its context, or a subject and a body."""

    type = "email_requested"
    queue = "emails"

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

    @property
    def group(self) -> str:
        return self.recipient

    @property
    def reference(self) -> str:
        return self.recipient


CONTRACTS: dict[str, type[Contract]] = {
    contract.type: contract
    for contract in (OrderCreated, OrderUpdated, SignupRequested, EmailRequested)
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
