"""Convert CloudEvents 1.0 in JSON to our envelope.

Our envelope is made of theirs: `source` and `id` together name the event (two sources may
both count from 1), `time` is its timestamp, and of a type such as
`com.example.order_created` the last part is ours.
"""

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from processing.events.errors import Problem

_NEEDED = ("id", "source", "type")
_JSON = re.compile(
    r"(application|text)/json|[\w!#$&^.+-]+/[\w!#$&^.+-]+\+json", re.ASCII
)


def unwrapped(raw: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Our envelope of a CloudEvent as far as it can be read, and its problems.

    Other attributes are ignored.
    """
    lacking = [
        name for name in _NEEDED if not isinstance(raw.get(name), str) or not raw[name]
    ]
    problems = [Problem(name, "A CloudEvent needs this, as text.") for name in lacking]
    if raw["specversion"] != "1.0":
        problems.append(Problem("specversion", "Only CloudEvents 1.0 are read."))
    if not _is_json(raw.get("datacontenttype")):
        problems.append(
            Problem("datacontenttype", "Write application/json, or leave it out.")
        )
    if "data_base64" in raw:
        problems.append(Problem("data_base64", "Send the data as JSON, in data."))
    ours = {
        "id": None if {"id", "source"} & set(lacking) else _id(raw),
        "type": last_part(raw.get("type")),
        "timestamp": raw.get("time"),
        "correlation_id": raw.get("correlationid"),
        "data": raw.get("data"),
    }
    return {name: value for name, value in ours.items() if value is not None}, problems


def last_part(type: object) -> object:
    """Our part of a type such as `com.example.order_created`."""
    return type.rpartition(".")[2] if isinstance(type, str) else type


def _id(raw: dict[str, Any]) -> str:
    name = f"{raw['source']} {raw['id']}"
    # A lone surrogate may be escaped in JSON, and has no bytes to be hashed.
    return str(uuid5(NAMESPACE_URL, name.encode(errors="backslashreplace").decode()))


def _is_json(content_type: object) -> bool:
    if content_type is None:
        return True
    if not isinstance(content_type, str):
        return False
    media_type = content_type.partition(";")[0].strip().lower()
    return bool(_JSON.fullmatch(media_type))
