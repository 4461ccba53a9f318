"""The events: contracts in their envelope, as they stand on a queue."""

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, Self

from django.utils.functional import cached_property
from pydantic import BaseModel, ConfigDict, SerializeAsAny, TypeAdapter, ValidationError
from uuid_utils import uuid7

from processing.events import strict_json
from processing.events.aws_envelopes import opened
from processing.events.contract import Contract
from processing.events.contracts import CONTRACTS, contract_for
from processing.events.errors import (
    InvalidEventError,
    UnreadableEventError,
    problems_in,
)
from processing.events.field_types import PastMoment, Public, Reference, RequestId
from processing.events.timestamps import ON_A_QUEUE


class Event(BaseModel):
    """One message on a queue: a contract in its envelope, as plain JSON, nothing of Celery."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        ignored_types=(cached_property,),
    )

    id: Annotated[RequestId, Public()]
    type: Annotated[str, Public()]
    timestamp: Annotated[PastMoment, Public()]
    correlation_id: Annotated[RequestId, Public()]
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
    def customer_id(self) -> str:
        """The number of its customer; empty if the customer is known by an address."""
        numbered = self.data.group_field in _CUSTOMER_FIELDS.get(self.type, ())
        return self.data.group if numbered else ""

    @property
    def body(self) -> str:
        """The SQS body: compact JSON, readable by anyone."""
        return self.model_dump_json(exclude_none=True)

    @cached_property  # of Django: the one of functools has one lock for all events
    def fingerprint(self) -> str:
        """SHA-256 of type and data: equal for a repetition, whenever it was sent."""
        asked = _canonical([self.type, self._data()])
        return hashlib.sha256(asked.encode()).hexdigest()

    def _data(self) -> dict[str, Any]:
        return self.data.model_dump(mode="json", exclude_none=True)


_canonical = json.JSONEncoder(sort_keys=True).encode


def new_id() -> str:
    return str(uuid7())


def parse(body: str, *, fallback_id: str, sent_at: datetime | None = None) -> Event:
    """Parse *body* as an event.

    A producer may leave out the id (default: *fallback_id*), the timestamp (*sent_at*, else
    now) and the correlation id (the id). Raises UnreadableEventError, UnknownEventTypeError
    or InvalidEventError.
    """
    found = opened(_object(body))
    if found.error is not None:
        raise found.error
    raw = dict(found.fields)
    raw.setdefault("id", fallback_id)
    raw.setdefault("timestamp", sent_at or datetime.now(UTC))
    raw.setdefault("correlation_id", raw["id"])
    contract = contract_for(raw.get("type"))
    problems = []
    try:
        raw["data"] = contract.model_validate(raw.get("data"), context=ON_A_QUEUE)
    except ValidationError as error:
        problems = problems_in(error, prefix=("data",))
        raw["data"] = contract.model_construct()
    try:
        event = Event.model_validate(raw, context=ON_A_QUEUE)
    except ValidationError as error:
        problems = problems_in(error) + problems
    if problems:
        raise InvalidEventError(problems)
    return event


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids and the type of a message, valid event or not."""

    request_id: str
    type: str
    reference: str
    correlation_id: str
    """The request id where the body names none."""
    customer_id: str = ""
    """Empty unless it is public and written as an id is."""


def identify(body: str, *, fallback_id: str) -> Identity:
    """Read ids and type from *body* as far as possible, valid event or not. Never raises."""
    raw = envelope_of(body)
    data = raw.get("data")
    data = data if isinstance(data, dict) else {}
    type = _type(raw.get("type"))
    fields = [
        field
        for field in _REFERENCE_FIELDS
        if type not in CONTRACTS or field in CONTRACTS[type].model_fields
    ]
    reference = next((data[key] for key in fields if _names(key, data)), "")
    customers = _CUSTOMER_FIELDS.get(type, _ALL_CUSTOMER_FIELDS)
    customer = next((data[key] for key in customers if _is_number(data.get(key))), "")
    request_id = raw["id"] if is_request_id(raw.get("id")) else fallback_id
    return Identity(
        request_id,
        type,
        reference,
        raw["correlation_id"]
        if is_request_id(raw.get("correlation_id"))
        else request_id,
        customer,
    )


def is_request_id(value: object) -> bool:
    try:
        _REQUEST_ID.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


_REQUEST_ID: TypeAdapter[str] = TypeAdapter(RequestId)
_TYPE = re.compile(r"[A-Za-z0-9._:/-]{1,100}")
#: For all types: an event of an unknown type may name its order too.
_REFERENCE_FIELDS = {
    contract.reference_field: contract for contract in CONTRACTS.values()
}


def _is_public(contract: type[Contract], field: str) -> bool:
    marks = contract.model_fields[field].metadata
    return any(isinstance(mark, Public) for mark in marks)


#: The fields that name the customer by a number, by type; an address is a reference.
_CUSTOMER_FIELDS = {
    type: [contract.group_field] if _is_public(contract, contract.group_field) else []
    for type, contract in CONTRACTS.items()
}
_ALL_CUSTOMER_FIELDS = list(dict.fromkeys(chain(*_CUSTOMER_FIELDS.values())))
_BUSINESS_NUMBER: TypeAdapter[str] = TypeAdapter(Reference)


def _is_number(value: object) -> bool:
    """Whether it is a business number, which is no personal data. Any other text may be."""
    try:
        _BUSINESS_NUMBER.validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _short(value: object) -> bool:
    # Printable, so that any column can hold it and it cannot break a log line.
    return isinstance(value, str) and 0 < len(value) <= 254 and value.isprintable()


def _type(value: object) -> str:
    """The type if any page and log may show it; any other text may be personal data."""
    plain = isinstance(value, str) and _TYPE.fullmatch(value)
    return str(value) if plain else ""


def _names(key: str, data: dict[str, Any]) -> bool:
    """Whether *key* may name the event. A malformed address may hold personal data."""
    value = data.get(key)
    is_public = _is_public(_REFERENCE_FIELDS[key], key)
    return _short(value) and (is_public or "@" in str(value))


def envelope_of(body: str) -> dict[str, Any]:
    """Convert *body* to our envelope as far as it can be read. Never raises."""
    try:
        raw = _object(body)
    except UnreadableEventError:
        raw = strict_json.salvage(body)
    return dict(opened(raw).fields) if isinstance(raw, dict) else {}


@functools.lru_cache(maxsize=1)  # each delivery is identified, then parsed
def _object(body: str) -> dict[str, Any]:
    try:
        raw = strict_json.loads(body)
    except strict_json.UnreadableJSONError as error:
        raise UnreadableEventError(str(error)) from None
    if not isinstance(raw, dict):
        raise UnreadableEventError("The message is JSON, but not an object.")
    return raw
