"""JSON Patches for fixes."""

EUROS: list[dict[str, object]] = [
    {"op": "replace", "path": "/data/currency", "value": "EUR"}
]
