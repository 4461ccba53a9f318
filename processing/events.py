"""The events: what may stand on a queue, declared once.

The form, the JSON API, the worker, the edit screen and the rehearsal all validate with
these classes. Change them additively (a new field with a default); a breaking change is a
new type, and the old one stays until no queue and no dead letter holds it.
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from uuid_utils import uuid7

from processing import strict_json
from processing.cloud_events import is_cloud_event, unwrap
from processing.event_errors import (
    EventError,
    InvalidEventError,
    UnknownEventTypeError,
    UnreadableEventError,
    problems_in,
)
from processing.fields import (
    Country,
    Email,
    Moment,
    Money,
    Name,
    Paragraphs,
    Phone,
    Price,
    Reference,
    RequestId,
    ShortLine,
)


class Contract(BaseModel):
    """The `data` of one event type: its shape and rules, its queue and its group."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )
    type: ClassVar[str]
    queue: ClassVar[str]

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

    sku: Reference
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    unit_price: Price

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


def _total(values: dict[str, Any]) -> Decimal:
    return sum((item.amount for item in values.get("items", ())), Decimal("0.00"))


class OrderCreated(Contract):
    type = "order_created"
    queue = "orders"

    order_id: Reference
    customer_id: Reference
    email: Email
    # Currencies with two decimals, as Money has.
    currency: Literal[
        "AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK", "USD"
    ]
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]
    total: Annotated[Money, Field(validate_default=True)] = Field(
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

    order_id: Reference
    customer_id: Reference
    status: Literal["paid", "shipped", "delivered", "cancelled"]
    changed_at: Moment
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
    country: Country | None = None


class SignupRequested(Contract):
    """Never a password: the account is inactive until its owner opens the mailed link."""

    type = "signup_requested"
    queue = "signups"

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
    template: Literal["verify_email", "already_registered"] | None = None
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


class Event(BaseModel):
    """One message on a queue: a contract in its envelope (DESIGN: plain events)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )

    id: RequestId
    type: str
    timestamp: Moment
    correlation_id: RequestId
    data: SerializeAsAny[Contract]

    @classmethod
    def new(
        cls, data: Contract, *, id: str | None = None, correlation_id: str | None = None
    ) -> Self:
        """An event that begins now. *id* is given where a retry must bring the same one."""
        id = id or new_id()
        return cls(
            id=id,
            type=data.type,
            timestamp=datetime.now(UTC),
            correlation_id=correlation_id or id,
            data=data,
        )

    @property
    def queue(self) -> str:
        return self.data.queue

    @property
    def body(self) -> str:
        """The SQS body: compact JSON, readable by anyone."""
        return self.model_dump_json(exclude_none=True)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is asked for: equal for a repetition, whenever it was sent."""
        asked = json.dumps([self.type, self._data()], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()

    def _data(self) -> dict[str, Any]:
        return self.data.model_dump(mode="json", exclude_none=True)


def new_id() -> str:
    return str(uuid7())


def parse(body: str, *, fallback_id: str, sent_at: datetime | None = None) -> Event:
    """The event that *body* is.

    A producer that knows nothing of us may leave out the id (then it is *fallback_id*),
    the timestamp (*sent_at*, else now) and the correlation id (the id).
    Raises UnreadableEventError, UnknownEventTypeError or InvalidEventError.
    """
    raw = _envelope(body)
    raw.setdefault("id", fallback_id)
    raw.setdefault("timestamp", sent_at or datetime.now(UTC))
    raw.setdefault("correlation_id", raw["id"])
    contract = contract_for(raw.get("type"))
    problems = []
    try:
        raw["data"] = contract.model_validate(raw.get("data"))
    except ValidationError as error:
        problems = problems_in(error, prefix=("data",))
        raw["data"] = contract.model_construct()
    try:
        event = Event.model_validate(raw)
    except ValidationError as error:
        problems = problems_in(error) + problems
    if problems:
        raise InvalidEventError(problems)
    return event


@dataclass(frozen=True, slots=True)
class Identity:
    """What can be known of a message whether or not it is a valid event."""

    request_id: str
    type: str
    reference: str
    correlation_id: str = ""


def identify(body: str, *, fallback_id: str) -> Identity:
    """Who *body* is, as far as it says so. Never raises."""
    try:
        raw = _envelope(body)
    except EventError:
        return Identity(fallback_id, "", "")
    data = raw.get("data")
    data = data if isinstance(data, dict) else {}
    reference = next((data[key] for key in _REFERENCES if _short(data.get(key))), "")
    request_id = raw["id"] if is_request_id(raw.get("id")) else fallback_id
    return Identity(
        request_id,
        raw["type"] if _short(raw.get("type")) else "",
        reference,
        raw["correlation_id"]
        if is_request_id(raw.get("correlation_id"))
        else request_id,
    )


def is_request_id(value: object) -> bool:
    try:
        _REQUEST_ID.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


_REQUEST_ID: TypeAdapter[str] = TypeAdapter(RequestId)
_REFERENCES = ("order_id", "email", "recipient")


def _short(value: object) -> bool:
    # Printable, so that any column can hold it and no log line is broken by it.
    return isinstance(value, str) and 0 < len(value) <= 254 and value.isprintable()


def contract_for(type: object) -> type[Contract]:
    """The contract of *type*. Raises UnreadableEventError or UnknownEventTypeError."""
    if not isinstance(type, str):
        raise UnreadableEventError('The message has no "type".')
    if type not in CONTRACTS:
        raise UnknownEventTypeError(
            f"No event is called {type[:100]!a}. Known are: {', '.join(CONTRACTS)}."
        )
    return CONTRACTS[type]


def _envelope(body: str) -> dict[str, Any]:
    raw = _object(body)
    return unwrap(raw) if is_cloud_event(raw) else dict(raw)


@functools.lru_cache(maxsize=1)  # each delivery is identified, then parsed
def _object(body: str) -> dict[str, Any]:
    try:
        raw = strict_json.loads(body)
    except strict_json.UnreadableJSONError as error:
        raise UnreadableEventError(str(error)) from None
    if not isinstance(raw, dict):
        raise UnreadableEventError("The message is JSON, but not an object.")
    return raw
