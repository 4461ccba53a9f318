"""JSON Patches for edits."""

EUROS: list[dict[str, object]] = [
    {"op": "replace", "path": "/data/currency", "value": "EUR"}
]
