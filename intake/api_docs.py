"""What the OpenAPI document says of the API. The contracts are the schemas."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from processing.contracts import PUBLIC, Contract, OrderUpdated

MOST_EVENTS = 100
_REF = "#/components/schemas/"
_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}


_ORDER = {
    "customer_id": "C-17",
    "email": "ada@example.com",
    "currency": "EUR",
    "items": [{"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"}],
}
_SIGNUP = {"email": "ada@example.com", "name": "Ada"}
_EXAMPLES: dict[str, Any] = {
    "OrderCreated": _ORDER,
    "StatusChange": {
        "customer_id": "C-17",
        "status": "paid",
        "changed_at": "2026-11-20T10:00:00Z",
    },
    "SignupRequested": _SIGNUP,
    "Batch": {
        "events": [
            {"type": "order_created", "data": _ORDER},
            {"type": "signup_requested", "data": _SIGNUP},
        ]
    },
}


_NO_RESPONSE = HttpResponse()


class DocumentedAPI(NinjaAPI):
    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """The one that ninja makes for a view to set headers on; none of ours does."""
        return _NO_RESPONSE

    def get_openapi_schema(self, **options: Any) -> Any:
        document = super().get_openapi_schema(**options)
        document["components"]["schemas"].update(_schemas())
        for operations in document["paths"].values():
            for operation in operations.values():
                if len(operation["responses"]) > 1 and not operation["responses"][
                    200
                ].get("content"):
                    del operation["responses"][200]  # ninja's guess
        return document


def takes(schema: str, *, key: bool = True) -> dict[str, Any]:
    """The request part of an operation."""
    described: dict[str, Any] = {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF + schema},
                    "example": _EXAMPLES[schema],
                }
            },
        }
    }
    if key:
        described["parameters"] = [
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": False,
                "schema": {
                    "type": "string",
                    "pattern": '^("?)[A-Za-z0-9_-]{16,64}\\1$',
                },
                "description": "Makes a retry the same request; best a random UUID.",
            }
        ]
    return described


def answers(
    status: HTTPStatus, schema: str, headers: tuple[str, ...], *errors: int
) -> dict[str, Any]:
    """The responses of an operation: what it gives, and the ways it fails."""
    good = {
        "description": status.phrase,
        "content": {"application/json": {"schema": {"$ref": _REF + schema}}},
        "headers": {name: {"schema": _TEXT} for name in headers},
    }
    bad = {
        HTTPStatus(code).value: {
            "description": HTTPStatus(code).phrase,
            "content": {
                "application/problem+json": {"schema": {"$ref": _REF + "Problem"}}
            },
        }
        for code in (405, 429, *errors)
    }
    return {"responses": {status.value: good, **bad}}


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for contract in PUBLIC.values():
        schema = contract.model_json_schema(ref_template=_REF + "{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[contract.__name__] = schema
    # What we fill in, or take from the address.
    schemas["OrderCreated"]["required"].remove("order_id")
    change = OrderUpdated.model_json_schema()
    change["required"].remove("order_id")
    del change["properties"]["order_id"]
    return {
        **schemas,
        "StatusChange": {**change, "title": "StatusChange"},
        "Batch": _batch(),
        "Accepted": _object(
            message=_TEXT, requestId=_TEXT, statusUrl=_TEXT, receivedAt=_TIME
        ),
        "BatchResults": _batch_results(),
        "Status": _object(
            requestId=_TEXT,
            type=_TEXT,
            state=_TEXT,
            attempt={"type": "integer"},
            final={"type": "boolean"},
            made={"type": "object", "additionalProperties": _TEXT},
            reason=_TEXT,
        ),
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
            type={"const": contract.type}, data={"$ref": _REF + contract.__name__}
        )
        item["properties"]["key"] = {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{16,64}$",
        }
        return item

    events = {"anyOf": [event(contract) for contract in PUBLIC.values()]}
    return _object(
        events={
            "type": "array",
            "items": events,
            "minItems": 1,
            "maxItems": MOST_EVENTS,
        }
    )


def _batch_results() -> dict[str, Any]:
    result = _object(status={"type": "integer"})
    result["properties"] |= {
        "requestId": _TEXT,
        "statusUrl": _TEXT,
        "receivedAt": _TIME,
        "problem": {"$ref": _REF + "Problem"},
    }
    return _object(
        accepted={"type": "integer"},
        refused={"type": "integer"},
        results={"type": "array", "items": result},
    )


def _problem() -> dict[str, Any]:
    """RFC 9457."""
    problem = _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT)
    problem["properties"]["errors"] = {
        "type": "array",
        "items": _object(pointer=_TEXT, detail=_TEXT),
    }
    return problem
