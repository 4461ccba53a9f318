"""The schemas of the OpenAPI document: the contracts and the responses."""

from typing import Any, get_args

from processing.events.contract import Contract
from processing.events.contracts import ACCEPTED_FROM_ANYONE, OrderUpdated
from processing.models import Outcome
from processing.receipts import State

MOST_EVENTS = 100
KEY_PATTERN = "[A-Za-z0-9_-]{16,64}"
REF = "#/components/schemas/"
TEXT = {"type": "string"}
TIME = {"type": "string", "format": "date-time"}
ADDRESS = {"type": "string", "format": "uri"}
NUMBER = {"type": "integer", "minimum": 0}

_STATES = {
    State.RECEIVED: "stored, and waiting",
    State.PROCESSING: "under way, or to be tried again",
    State.DONE: "carried out; see `made`",
    State.UNDER_REVIEW: "somebody looks at it; do not send it again",
    State.NOT_ACCEPTED: "not carried out; see `reason`",
    State.STALE: "carried out, and nothing changed: a later change was stored before",
}


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for contract in ACCEPTED_FROM_ANYONE.values():
        schema = contract.model_json_schema(ref_template=REF + "{model}")
        found.update(schema.pop("$defs", {}))
        found[contract.__name__] = schema
    # Fields with a default, or taken from the address.
    found["OrderCreated"]["required"].remove("order_id")
    change = OrderUpdated.model_json_schema()
    change["required"].remove("order_id")
    order_id = change["properties"].pop("order_id")
    return {
        **found,
        "StatusChange": {**change, "title": "StatusChange"},
        "OrderId": order_id,
        "Batch": _batch(),
        "Accepted": _object(
            message=TEXT, requestId=TEXT, statusUrl=ADDRESS, receivedAt=TIME
        ),
        "BatchResults": _batch_results(),
        "Status": _status(),
        "Problem": _problem(),
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _batch() -> dict[str, Any]:
    def event(contract: type[Contract]) -> dict[str, Any]:
        item = _object(
            type={"const": contract.type}, data={"$ref": REF + contract.__name__}
        )
        item["properties"]["key"] = {
            "type": "string",
            "pattern": f"^{KEY_PATTERN}$",
            "description": "Makes a retry the same request, like Idempotency-Key.",
        }
        return item

    events = {"anyOf": [event(contract) for contract in ACCEPTED_FROM_ANYONE.values()]}
    return _object(
        events={
            "type": "array",
            "items": events,
            "minItems": 1,
            "maxItems": MOST_EVENTS,
        }
    )


def _batch_results() -> dict[str, Any]:
    result = _object(status=NUMBER)
    result["properties"] |= {
        "requestId": TEXT,
        "statusUrl": ADDRESS,
        "receivedAt": TIME,
        "problem": {"$ref": REF + "Problem"},
    }
    result["description"] = "202 with an address, or the problem of this event."
    return _object(
        accepted=NUMBER, refused=NUMBER, results={"type": "array", "items": result}
    )


def _status() -> dict[str, Any]:
    words = "\n".join(f"- `{state}`: {meaning}" for state, meaning in _STATES.items())
    return _object(
        requestId=TEXT,
        type={"type": "string", "enum": list(ACCEPTED_FROM_ANYONE)},
        state={"type": "string", "enum": list(_STATES), "description": words},
        attempt={
            "type": "integer",
            "minimum": 1,
            "description": "The attempt that is due or under way.",
        },
        final={
            "type": "boolean",
            "description": "Whether the state stays as it is. Else ask again.",
        },
        made=_made(),
        reason={"type": "string", "description": "A sentence for people, or nothing."},
    )


def _made() -> dict[str, Any]:
    changes = get_args(OrderUpdated.model_fields["status"].annotation)
    return {
        "type": "object",
        "description": "What the request made; empty until it is carried out.",
        "properties": {
            "order": {"type": "string", "description": "The order's id."},
            "status": {"type": "string", "enum": [*changes, Outcome.STALE]},
            "account": {"type": "string", "enum": ["requested"]},
        },
        "additionalProperties": TEXT,
    }


def _problem() -> dict[str, Any]:
    """RFC 9457."""
    problem = _object(type=TEXT, title=TEXT, status=NUMBER, detail=TEXT)
    problem["properties"]["errors"] = {
        "type": "array",
        "items": _object(pointer=TEXT, detail=TEXT),
    }
    problem["description"] = "RFC 9457. Each pointer leads to the field that is wrong."
    return problem
