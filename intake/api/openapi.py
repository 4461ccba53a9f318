"""The requests and responses of each operation in the OpenAPI document."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from intake.api.schemas import ADDRESS, KEY_PATTERN, NUMBER, REF, TEXT, schemas
from processing.events.contracts import ACCEPTED_FROM_ANYONE, OrderUpdated

_EVENTS = [
    {"type": name, "data": contract.example}
    for name, contract in ACCEPTED_FROM_ANYONE.items()
]
_EXAMPLES: dict[str, Any] = {
    **{one.__name__: one.example for one in ACCEPTED_FROM_ANYONE.values()},
    # The order's id stands in the address.
    "StatusChange": {
        name: value
        for name, value in OrderUpdated.example.items()
        if name != "order_id"
    },
    "Event": _EVENTS[-1],
    "Batch": {"events": _EVENTS},
}
_HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "Location": (ADDRESS, "Where the status of the request stands."),
    "Retry-After": (NUMBER, "Seconds to wait before the next try or look."),
    "Idempotency-Replayed": (
        {"type": "string", "enum": ["true"]},
        "This request was accepted before, and is not taken twice.",
    ),
    "X-Request-ID": (TEXT, "The correlation id: yours, or one of ours."),
    "RateLimit-Policy": (TEXT, 'The limit, as in "requests";q=2000;w=300 (seconds).'),
    "RateLimit": (TEXT, 'What is left of it, as in "requests";r=1999;t=240.'),
    "WWW-Authenticate": (TEXT, "How a key is sent, and why this one is refused."),
}


def _header(name: str, schema: dict[str, Any], meaning: str) -> dict[str, Any]:
    described = {"schema": schema, "description": meaning}
    return {"in": "header", "name": name, "required": False, **described}


_KEY = _header(
    "Idempotency-Key",
    {"type": "string", "pattern": f'^("?){KEY_PATTERN}\\1$'},
    "Makes a retry the same request; best a random UUID.",
)
_IGNORED = "(W3C Trace Context). One that is not right is ignored."
_NAMED = [
    _header(
        "X-Request-ID", TEXT, "The correlation id of the request; else one of ours."
    ),
    _header("traceparent", TEXT, f"The trace that the request belongs to {_IGNORED}"),
    _header("tracestate", TEXT, f"What tracing systems note for themselves {_IGNORED}"),
]
_OF_ALL = ("X-Request-ID", "RateLimit-Policy", "RateLimit")
_OF_ERRORS = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_WHO = {
    "off": "There is no authentication: anybody may send. Anybody who knows an order's id"
    " and its customer's number can change the order.",
    "optional": "Producers may have API keys. Without one, anybody may send, and anybody who"
    " knows an order's id and its customer's number can change the order.",
    "required": "Each request that sends something needs an API key.",
}
_NO_RESPONSE = HttpResponse()


class DocumentedAPI(NinjaAPI):
    def create_temporal_response(self, request: HttpRequest) -> HttpResponse:
        """Skip the response that ninja makes for views to set headers on; ours set none."""
        return _NO_RESPONSE

    def get_openapi_schema(self, **options: Any) -> Any:
        document = super().get_openapi_schema(**options)
        info, who = document["info"], _WHO[settings.API_KEYS]
        status = "Anybody who knows the address of a status can read it."
        info["description"] = f"{info['description']} {who} {status}"
        document["servers"] = [{"url": settings.SITE_URL}]
        components = document["components"]
        components["schemas"].update(schemas())
        components["headers"] = {
            name: {"schema": schema, "description": text}
            for name, (schema, text) in _HEADERS.items()
        }
        if settings.API_KEYS != "off":
            components["securitySchemes"] = _KEYS
        for operations in document["paths"].values():
            for method, operation in operations.items():
                _complete(method, operation)
        return document


def _complete(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if len(responses) > 1 and not responses[200].get("content"):
        del responses[200]  # ninja's guess
    for parameter in operation["parameters"]:
        if parameter["name"] == "order_id":
            parameter["schema"] = {"$ref": REF + "OrderId"}
    if settings.API_KEYS == "off" or method == "get":
        operation["security"] = []
        responses.pop(401, None)
        return
    nobody: list[dict[str, Any]] = [{}] if settings.API_KEYS == "optional" else []
    operation["security"] = [*nobody, *({name: []} for name in _KEYS)]


def takes(schema: str, *, key: bool = True) -> dict[str, Any]:
    """The request part of an operation."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": REF + schema},
                    "example": _EXAMPLES[schema],
                }
            },
        },
        "parameters": [*([_KEY] if key else []), *_NAMED],
    }


def answers(
    status: HTTPStatus, schema: str, headers: tuple[str, ...], *errors: int
) -> dict[str, Any]:
    """The responses of an operation: its result and its errors."""
    good = _response(status, "application/json", schema, headers)
    bad = {
        HTTPStatus(code).value: _response(
            HTTPStatus(code),
            "application/problem+json",
            "Problem",
            _OF_ERRORS.get(HTTPStatus(code), ()),
        )
        for code in sorted({400, 403, 405, 429, 503, *errors})
    }
    return {"responses": {status.value: good, **bad}}


def _response(
    status: HTTPStatus, kind: str, schema: str, headers: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "description": status.phrase,
        "content": {kind: {"schema": {"$ref": REF + schema}}},
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in (*headers, *_OF_ALL)
        },
    }
