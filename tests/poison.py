"""Bodies that strangers, old releases and attackers may put on a queue.

Each must end in the DLQ with a reason, byte for byte, while its neighbours are processed.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.builders import order_data

Named = Iterator[tuple[str, Any]]
WRONG: tuple[Any, ...] = (None, 7, "x", [], {}, True)


def corpus() -> dict[str, str]:
    """Every poisonous body by the name of what is wrong with it."""
    found: dict[str, str] = {}
    for source in (_no_json, _json_but_no_event, _revivers, _envelopes, _broken_events):
        for name, body in source():
            text = body if isinstance(body, str) else json.dumps(body)
            assert name not in found
            found[name] = text
    return found


def _no_json() -> Iterator[tuple[str, str]]:
    yield "malformed", '{"invalid_json": "this will cause a parsing error"'
    yield "a word", "hello"
    yield "a space", " "
    yield "markup", "<script>alert(1)</script>"
    yield "a formula", "=HYPERLINK(1)"
    yield "format strings", "%s %n {0} {self.__class__} ${jndi:ldap://x}"
    yield "terminal codes", "\\x1b[2J"
    yield "two log lines", "first\nlevel=ERROR forged=yes"
    yield "two documents", "{} {}"
    yield "trailing comma", '{"type": "order_created",}'
    yield "single quotes", "{'type': 'order_created'}"
    yield "a byte order mark", "\ufeff{}"
    yield "not a number", '{"type": "order_created", "data": {"total": NaN}}'
    yield "infinity", '{"type": "order_created", "data": -Infinity}'
    yield "a key twice", '{"type": "order_created", "type": "order_created"}'
    yield "a raw tab in a string", '{"type": "a\tb"}'
    yield "an open string", '{"type": "order_created'
    yield "an open escape", '{"type": "\\'
    yield "a bad escape", '{"type": "\\x41"}'
    yield "half a surrogate escape", '{"type": "\\ud8'
    yield "nested 3,000 lists", "[" * 3000 + "]" * 3000
    yield "nested 100,000 lists", "[" * 100_000
    yield "nested 50,000 objects", '{"a":' * 50_000 + "1" + "}" * 50_000
    yield (
        "an integer of 5,000 digits",
        '{"type": "order_created", "data": ' + "9" * 5000 + "}",
    )
    yield "a megabyte of quotes", '"' + '\\"' * 500_000
    yield "a megabyte of text", "x" * 1_000_000
    yield "base64 of JSON", base64.b64encode(b'{"type": "order_created"}').decode()
    yield "base64 of rubbish", base64.b64encode(bytes(range(256))).decode()
    yield "a compression bomb in base64", "H4sIAAAAAAAA/" + "A" * 50_000


def _json_but_no_event() -> Named:
    for text in (
        "null",
        "true",
        "7",
        "1.5",
        '"text"',
        "[]",
        "[1, 2]",
        "[[], {}, {}]",
        "{}",
    ):
        yield f"the JSON {text}", text
    yield "a float beyond the largest", '{"type": "order_created", "data": 1e400}'
    yield (
        "GeoJSON",
        {"type": "FeatureCollection", "properties": {"a": 1}, "features": []},
    )
    yield (
        "a JSON schema",
        {"$schema": "https://json-schema.org", "properties": {"a": {}}},
    )
    yield (
        "an SNS notification",
        {"Type": "Notification", "Message": "{}", "TopicArn": "a"},
    )
    yield "an S3 event", {"Records": [{"eventSource": "aws:s3", "s3": {}}]}
    yield "an EventBridge event", {"detail-type": "Order", "source": "x", "detail": {}}
    for type_ in WRONG:
        yield f"the type {json.dumps(type_)}", {"type": type_, "data": order_data()}
    for type_ in (
        "__class__",
        "order_created ",
        "ORDER_CREATED",
        "x" * 10_000,
        "\ud800",
    ):
        yield f"the type {type_[:20]!a}", {"type": type_, "data": order_data()}


def _revivers() -> Named:
    for kind in (
        "uuid",
        "datetime",
        "date",
        "decimal",
        "bytes",
        "base64",
        "nonsense",
        7,
    ):
        revived = {"__type__": kind, "__value__": {"x": "nonsense"}}
        yield f"a reviver of {kind}", revived
        yield f"a reviver of {kind} as data", {"type": "order_created", "data": revived}
        yield (
            f"a reviver of {kind} as a field",
            {"type": "order_created", "data": order_data(order_id=revived)},
        )


def _envelopes() -> Named:
    """Messages as a stock Celery would send them, whole and with every part wrong."""
    yield "a whole Celery message", _envelope()
    for part in ("body", "headers", "properties", "content-type", "content-encoding"):
        yield (
            f"Celery without {part}",
            {k: v for k, v in _envelope().items() if k != part},
        )
        for value in WRONG:
            yield f"Celery with {part} {value!r}", {**_envelope(), part: value}
    headers: dict[str, tuple[Any, ...]] = {
        "task": (
            "processing.handle",
            "processing.relay",
            "celery.chord",
            "os.system",
            7,
        ),
        "id": (None, {}, "x" * 10_000),
        "eta": ("2999-01-01T00:00:00", "never"),
        "expires": ("2001-01-01T00:00:00", "never"),
        "timelimit": (["x", "y"], 7),
        "retries": ("x", -1),
        "compression": ("bzip2", "zstd"),
        "stamped_headers": (7,),
        "group": ([],),
    }
    for header, values in headers.items():
        for value in values:
            message = _envelope()
            message["headers"][header] = value
            yield f"Celery with header {header} {str(value)[:30]!a}", message
    for name, inner in {
        "callbacks": [[], {}, {"callbacks": [{"task": "processing.relay"}]}],
        "a chain": [[], {}, {"chain": [{"task": "processing.relay"}]}],
        "keyword list": [[], [], {}],
        "too many parts": [[], {}, {}, {}],
    }.items():
        message = _envelope()
        message["body"] = base64.b64encode(json.dumps(inner).encode()).decode()
        yield f"Celery with {name}", message
    routing_keys: tuple[Any, ...] = ("elsewhere", None, [])
    for key in routing_keys:
        message = _envelope()
        message["properties"]["delivery_info"]["routing_key"] = key
        yield f"Celery with routing key {key!r}", message
    yield (
        "Celery protocol 1",
        {"task": "processing.relay", "id": "1", "args": [], "kwargs": {}},
    )


def _envelope() -> dict[str, Any]:
    return {
        "body": base64.b64encode(b"[[], {}, {}]").decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "lang": "py",
            "task": "processing.relay",
            "id": "1",
            "argsrepr": "()",
        },
        "properties": {
            "correlation_id": "1",
            "delivery_info": {"exchange": "", "routing_key": "orders"},
            "delivery_tag": "1",
            "body_encoding": "base64",
        },
    }


def _broken_events() -> Named:
    good = {"type": "order_created", "data": order_data()}
    for value in (*WRONG, "", "no spaces please", "x" * 65, "\u0000", "../x"):
        if value not in (None, "x"):  # "x" would do for an id
            yield f"the id {json.dumps(value)[:30]}", {**good, "id": value}
            yield (
                f"the correlation id {json.dumps(value)[:30]}",
                {**good, "correlation_id": value},
            )
    for value in (7, "yesterday", "2026-11-20", [], True):
        yield f"the timestamp {value!r}", {**good, "timestamp": value}
    for value in (None, [], "x", {}):
        yield f"the data {value!r}", {**good, "data": value}
    yield "a field too many", {**good, "is_staff": True}
    for field, value in {
        "order_id": {},
        "email": "a@b.co\r\nBcc: x@y.z",
        "currency": "eur",
        "items": [{"sku": "x", "quantity": 2**63, "unit_price": "1.00"}],
        "total": "0.01",
        "customer_id": "\ud800",
        "__proto__": {},
        "id__in": [1],
        "password": "canary",
    }.items():
        yield (
            f"an order with a bad {field}",
            {**good, "data": order_data(**{field: value})},
        )
