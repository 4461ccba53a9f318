"""Request ids that stay the same for a retry, and values derived from them.

A client is known by the customer it sends for, not by its address: a phone that changes
networks between two tries is still the same client.
"""

import base64
import hashlib
import json
import re
from typing import Any
from uuid import UUID, uuid5

from processing.events.contract import Contract
from processing.events.contracts import OrderCreated
from processing.events.envelope import new_id

_OURS = UUID("8c8f5a4e-52a4-4d7e-9d0c-6f3f5d1f0a11")
_KEY = re.compile(r'([A-Za-z0-9_-]{16,64})|"([A-Za-z0-9_-]{16,64})"')


class BadKeyError(ValueError):
    """Write the Idempotency-Key as 16 to 64 letters, digits, - or _; a random UUID is best."""


def from_key(contract: type[Contract], asked: dict[str, Any], key: Any) -> str:
    """The request id of an API request, from its Idempotency-Key if there is one.

    The same key of the same client for the same type gives the same request id. Raises
    BadKeyError.
    """
    if key is None:
        return new_id()
    match = _KEY.fullmatch(key) if isinstance(key, str) else None
    if match is None:
        raise BadKeyError(BadKeyError.__doc__)
    client = asked.get("customer_id") or asked.get("email")
    return _derived("api", contract.type, client, match[1] or match[2])


def from_form(contract: type[Contract], asked: dict[str, Any], nonce: str) -> str:
    """The request id of a form: its nonce together with what was typed.

    Sending the same form again is the same request. Sending it with a change is another
    request, and must not count as the first.
    """
    return _derived("form", contract.type, asked, nonce)


def filled(
    contract: type[Contract], asked: dict[str, Any], request_id: str
) -> dict[str, Any]:
    """Fill in the defaults of *asked*, always the same for the same request."""
    if contract is not OrderCreated or "order_id" in asked:
        return asked
    digest = hashlib.sha256(request_id.encode()).digest()
    return {"order_id": "ORD-" + base64.b32encode(digest)[:10].decode(), **asked}


def _derived(*parts: Any) -> str:
    return str(uuid5(_OURS, json.dumps(parts, sort_keys=True)))
