"""The parts of an event that its contract declares public. The rest is personal data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from processing.events.cloud_events import last_part
from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event
from processing.events.field_types import Public


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts of a value may be shown."""

    public: bool = False
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None
    free: bool = False
    """An object whose names its sender chooses: they are hidden too."""

    def at(self, steps: Sequence[object]) -> "Shape":
        """The shape at the end of *steps*, which are names and list indexes."""
        found = self
        for step in steps:
            if found.items is not None:
                found = found.items
            else:
                known = isinstance(step, str) and step in found.fields
                found = found.fields[str(step)] if known else HIDDEN
        return found

    @property
    def inside(self) -> "Shape":
        """The shape of a member of this object or list, before its name is known."""
        return self.items or (self if self.free else HIDDEN)

    @property
    def is_open(self) -> bool:
        """Whether all declared parts are public."""
        parts = [*self.fields.values(), *([self.items] if self.items else [])]
        return all(part.is_open for part in parts) if parts else self.public


HIDDEN = Shape()


def _of(annotation: Any, *, public: bool) -> Shape:
    parts = get_args(annotation)
    if get_origin(annotation) is list:
        return Shape(items=_of(parts[0], public=public))
    if get_origin(annotation) is dict:
        return Shape(free=True)
    for one in (annotation, *parts):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return Shape(fields=_fields(one))
    return Shape(public)


def _fields(model: type[BaseModel]) -> dict[str, Shape]:
    return {
        name: _of(
            found.annotation,
            public=any(isinstance(one, Public) for one in found.metadata),
        )
        for name, found in model.model_fields.items()
    }


_ENVELOPE = _fields(Event) | {
    name: Shape(public=True)
    for name in (
        *("specversion", "datacontenttype", "time"),
        *("detail-type", "Type", "MessageId", "Timestamp"),
    )
}
_DATA = {name: Shape(fields=_fields(one)) for name, one in CONTRACTS.items()}
#: The attributes that the worker and the desk add to a message; see processor.failure.
ATTRIBUTES = Shape(
    fields={
        name: Shape(public=True)
        for name in (
            *("type", "correlation_id", "traceparent", "RequestId"),
            *("dead_letter", "redrive_id", "count"),
            *("request_id", "message_id", "error_type", "failed_at", "sent_at"),
            *("error_field", "worker", "release"),
        )
    }
)


def shape_of(type: object) -> Shape:
    """The shape of an event of *type*, in our envelope or in a CloudEvent's."""
    name = str(last_part(type))
    return Shape(fields=_ENVELOPE | {"data": _DATA.get(name, HIDDEN)})


def shape_in(document: Any) -> Shape:
    """The shape of *document*, an event in whichever envelope."""
    if not isinstance(document, dict):
        return HIDDEN
    if "type" in document or "detail-type" not in document:
        return shape_of(document.get("type"))
    detail, type = document.get("detail"), str(last_part(document["detail-type"]))
    whole = isinstance(detail, dict) and detail.keys() & {"specversion", "type"}
    inside = shape_in(detail) if whole else _DATA.get(type, HIDDEN)
    return Shape(fields=_ENVELOPE | {"detail": inside})


def may_be_read(steps: Sequence[object]) -> bool:
    """Whether *steps* lead to a public value in each contract that knows the path."""
    shapes = [shape_of(type).at(steps) for type in CONTRACTS]
    known = [shape for shape in shapes if shape != HIDDEN]
    return bool(known) and all(shape.is_open for shape in known)
