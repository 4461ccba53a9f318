"""The message attributes of SQS: at most ten beside a body, each with a type.

Holdfast keeps each value as a text, a binary value as base64, and notes each type other
than String. So attributes can be stored, shown and nested, and are sent as they were
received.

Two attributes are ours: `failure` on a message that a worker dead-letters, `redrive` on a
message that staff redrive. If there is no room beside the producer's attributes, some of
those travel inside ours.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from processing.events import strict_json
from processing.tracing.context import TRACEPARENT

MOST = 10  # SQS
FAILURE = "failure"
REDRIVE = "redrive"
#: An object with these keys is ours, and not an attribute of a producer with the same name.
_OURS = {FAILURE: ("error_type", "failed_at"), REDRIVE: ("redrive_id",)}


@dataclass(frozen=True, slots=True)
class Attributes:
    texts: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    """The types other than String, such as Number or Binary.png, by name."""

    @classmethod
    def received(cls, raw: Mapping[str, Any]) -> Self:
        """Read what ReceiveMessage returned: bytes from boto3, base64 from SQS itself."""
        texts, types = {}, {}
        for name, value in raw.items():
            binary = value.get("BinaryValue", "")
            if isinstance(binary, bytes):
                binary = base64.b64encode(binary).decode()
            texts[name] = value.get("StringValue") or binary
            if (kind := value.get("DataType", "String")) != "String":
                types[name] = kind
        return cls(texts, types)

    @property
    def wire(self) -> dict[str, Any]:
        """The attributes for SendMessage, without empty values, which SQS refuses."""
        return {
            name: _value(text, self.types.get(name, "String"))
            for name, text in self.texts.items()
            if text
        }

    def only(self, names: Iterable[str]) -> "Attributes":
        texts = {name: self.texts[name] for name in names}
        return Attributes(
            texts, {name: self.types[name] for name in texts if name in self.types}
        )

    def without(self, *names: str) -> "Attributes":
        return self.only(name for name in self.texts if name not in names)

    def __or__(self, other: "Attributes") -> "Attributes":
        kept = self.without(*other.texts)
        return Attributes(kept.texts | other.texts, kept.types | other.types)

    def content_of(self, name: str) -> dict[str, Any]:
        """The content of *name*, `failure` or `redrive`; empty if it is not ours."""
        if name not in self.texts:  # as beside most events
            return {}
        try:
            value = strict_json.loads(self.texts[name])
        except strict_json.UnreadableJSONError:
            return {}
        ours = isinstance(value, dict) and all(
            isinstance(value.get(key), str) for key in _OURS[name]
        )
        return value if ours else {}

    def unpacked(self, name: str) -> "Attributes":
        """The producer's attributes, with those that travelled inside our attribute *name*."""
        if not (ours := self.content_of(name)):
            return self
        inside = _texts(ours.get("attributes"))
        return self.without(name) | Attributes(
            inside, _texts(ours.get("attribute_types"))
        ).only(inside)

    def packed(self, name: str, reason: Mapping[str, Any]) -> "Attributes":
        """These attributes with *reason* under *name*. Those beyond ten go inside that one."""
        # Readers look these up by name, so they never go inside.
        first = [one for one in _OURS if one != name and self.content_of(one)]
        first += [TRACEPARENT] if TRACEPARENT in self.texts else []
        names = [*first, *(one for one in self.texts if one not in (name, *first))]
        inside = self.only([*names[MOST - 1 :], *({name} & self.texts.keys())])
        content = dict(reason)
        if inside.texts:
            content |= {"attributes": inside.texts, "attribute_types": inside.types}
        return self.only(names[: MOST - 1]) | Attributes({name: json.dumps(content)})


def size(wire: Mapping[str, Any]) -> int:
    """The size in bytes as SQS counts it: name, type and value of each attribute."""
    texts = []  # in one go, because this runs for each accepted event
    binary = 0
    for name, value in wire.items():
        texts += [name, value["DataType"], value.get("StringValue", "")]
        binary += len(value.get("BinaryValue", b""))
    return len("".join(texts).encode("utf-8", "surrogatepass")) + binary


def _value(text: str, kind: str) -> dict[str, Any]:
    if kind.startswith("Binary"):
        try:
            return {
                "DataType": kind,
                "BinaryValue": base64.b64decode(text, validate=True),
            }
        except (binascii.Error, ValueError):  # it was forged, or cut
            kind = "String"
    return {"DataType": kind, "StringValue": text}


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}


#: Marks an event whose sender holds a receipt. Other producers can write this attribute
#: too; then nobody reads the receipt of their event, and staff are not asked either.
RECEIPT = Attributes({"receipt": "given"})
