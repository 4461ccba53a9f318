"""Samples for the demonstration page.

A sample follows from its request id, time included, so the page can show the message as
it stands on the queue without anything being stored for it.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core import signing

from intake.request_ids import filled
from processing.events.contract import Contract
from processing.events.contracts import OrderCreated, SignupRequested
from processing.events.envelope import Event, new_id
from processing.models import Order

#: The body of a faulty producer, without its closing brace.
BROKEN = '{"invalid_json": "this will cause a parsing error"'
SAMPLES: dict[str, type[Contract]] = {
    "order": OrderCreated,
    "signup": SignupRequested,
}
_SIGNER = signing.Signer(salt="intake.demo", sep=".")


class UnknownSampleError(LookupError):
    """There is no such sample. Send a new one."""


def sample(kind: str, request_id: str | None = None) -> Event:
    request_id = request_id or new_id()
    contract = SAMPLES[kind]
    data = filled(contract, _data(kind, request_id[-4:]), request_id)
    return Event(
        id=request_id,
        type=contract.type,
        timestamp=_made_at(request_id),
        correlation_id=request_id,
        data=contract.model_validate(data),
    )


def token_of(kind: str, event: Event) -> str:
    return _SIGNER.sign(f"{kind}.{event.id}")


def read(token: str) -> Event:
    """Read the sample in *token*. Raises UnknownSampleError."""
    try:
        kind, _, request_id = _SIGNER.unsign(token).partition(".")
    except signing.BadSignature:
        raise UnknownSampleError(UnknownSampleError.__doc__) from None
    return sample(kind, request_id)


def _data(kind: str, mark: str) -> dict[str, Any]:
    email = f"visitor-{mark}@example.com"
    if kind == "signup":
        return {"email": email, "name": "A Visitor", "profile": {"country": "GB"}}
    return {
        "customer_id": f"{Order.SAMPLE_CUSTOMER}{mark}",
        "email": email,
        "currency": "EUR",
        "items": [
            {"sku": "TEA-GREEN-100", "quantity": 2, "unit_price": "4.50"},
            {"sku": "MUG-BLUE", "quantity": 1, "unit_price": "12.00"},
        ],
    }


def _made_at(request_id: str) -> datetime:
    """The time inside a version 7 UUID, to the millisecond."""
    return datetime.fromtimestamp((UUID(request_id).int >> 80) / 1000, UTC)
