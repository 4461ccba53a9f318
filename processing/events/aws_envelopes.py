"""Convert the envelopes that AWS puts around an event into ours.

SNS sends a notification with the event as a text in `Message`. EventBridge sends `detail`,
which is the event itself, or its data, named by `detail-type`. Either may contain a
CloudEvent, which may also come alone. An envelope supplies only the fields that the event
inside it lacks.
"""

from dataclasses import dataclass
from typing import Any

from processing.events import cloud_events, strict_json
from processing.events.errors import EventError, InvalidEventError, UnreadableEventError


@dataclass(frozen=True, slots=True)
class Opened:
    """Our envelope as far as it can be read, and the problems if the body is not an event."""

    fields: dict[str, Any]
    error: EventError | None = None


def opened(raw: dict[str, Any]) -> Opened:
    """Convert *raw*, the object in a body, to our own envelope."""
    if "type" not in raw and raw.get("Type") == "Notification" and "Message" in raw:
        return _notification(raw)
    return _event(raw)


def _event(raw: dict[str, Any]) -> Opened:
    if "specversion" in raw:
        fields, problems = cloud_events.unwrapped(raw)
        return Opened(fields, InvalidEventError(problems) if problems else None)
    if "type" not in raw and {"detail-type", "detail"} <= raw.keys():
        return _from_event_bridge(raw)
    return Opened(dict(raw))


def _from_event_bridge(raw: dict[str, Any]) -> Opened:
    detail = raw["detail"]
    known = {"id": raw.get("id"), "timestamp": raw.get("time")}
    if isinstance(detail, dict) and ("specversion" in detail or _is_ours(detail)):
        return _filled(_event(detail), known)
    fields = {"type": cloud_events.last_part(raw["detail-type"]), "data": detail}
    return _filled(Opened(fields), known)


def _is_ours(detail: dict[str, Any]) -> bool:
    return {"type", "data"} <= detail.keys()


def _notification(raw: dict[str, Any]) -> Opened:
    known = {
        "id": _named(raw) or raw.get("MessageId"),
        "timestamp": raw.get("Timestamp"),
    }
    error = "It is not a text."
    try:
        if isinstance(raw["Message"], str):
            inside = strict_json.loads(raw["Message"])
            if isinstance(inside, dict):
                return _filled(_event(inside), known)
            error = "It is JSON, but not an object."
    except strict_json.UnreadableJSONError as unreadable:
        error = str(unreadable)
    sentence = f"The Message of the SNS notification cannot be read. {error}"
    return _filled(Opened({}, UnreadableEventError(sentence)), known)


def _named(raw: dict[str, Any]) -> Any:
    """The request id in the message attributes, as on SQS."""
    beside = raw.get("MessageAttributes")
    for name in ("request_id", "RequestId"):
        value = beside.get(name) if isinstance(beside, dict) else None
        if isinstance(value, dict) and value.get("Value"):
            return value["Value"]
    return None


def _filled(inside: Opened, known: dict[str, Any]) -> Opened:
    given = {name: value for name, value in known.items() if value is not None}
    return Opened({**given, **inside.fields}, inside.error)
