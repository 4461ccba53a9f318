"""CloudEvents 1.0 in JSON, taken for the envelope they are.

EventBridge, Knative and others wrap data so. Our envelope is made of theirs: `source` and
`id` together name the event (two sources may both count from 1), `time` is its timestamp,
and of a type such as `com.example.order_created` the last part is ours.
"""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from processing.event_errors import InvalidEventError, Problem

_NEEDED = ("id", "source", "type")


def is_cloud_event(raw: dict[str, Any]) -> bool:
    return "specversion" in raw


def unwrap(raw: dict[str, Any]) -> dict[str, Any]:
    """Our envelope of a CloudEvent; other attributes of it are left aside.

    Raises InvalidEventError.
    """
    problems = [
        Problem(name, "A CloudEvent needs this, as text.")
        for name in _NEEDED
        if not isinstance(raw.get(name), str) or not raw[name]
    ]
    if raw["specversion"] != "1.0":
        problems.append(Problem("specversion", "Only CloudEvents 1.0 are read."))
    if raw.get("datacontenttype", "application/json") != "application/json":
        problems.append(Problem("datacontenttype", "Write application/json."))
    if problems:
        raise InvalidEventError(problems)
    ours = {
        "id": str(uuid5(NAMESPACE_URL, f"{raw['source']} {raw['id']}")),
        "type": raw["type"].rpartition(".")[2],
        "timestamp": raw.get("time"),
        "correlation_id": raw.get("correlationid"),
        "data": raw.get("data"),
    }
    return {name: value for name, value in ours.items() if value is not None}
