"""What stands beside a body on SQS: at most ten attributes, each with a type.

Here each is a text. A type is noted where it is not String, and a binary value is kept as
base64. So they can be stored, shown and put into one another, and go out as they came in.

Two attributes are ours: `failure` beside what a worker dead-letters, `redrive` beside what
staff send again. What a producer's own leave no room for travels inside of ours.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from processing.events import strict_json

MOST = 10  # SQS
FAILURE = "failure"
REDRIVE = "redrive"
#: By these an object under the name is known as ours, and not as a producer's own.
_OURS = {FAILURE: ("error_type", "failed_at"), REDRIVE: ("redrive_id",)}


@dataclass(frozen=True, slots=True)
class Attributes:
    texts: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    """The type of each that is not String, such as Number or Binary.png."""

    @classmethod
    def received(cls, raw: Mapping[str, Any]) -> Self:
        """From ReceiveMessage, as boto3 answers it (bytes) or SQS itself (base64)."""
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
        """For SendMessage; without the empty ones, which SQS refuses."""
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

    def told(self, name: str) -> dict[str, Any]:
        """What *name*, `failure` or `redrive`, says; empty where it is not ours."""
        try:
            value = strict_json.loads(self.texts.get(name, ""))
        except strict_json.UnreadableJSONError:
            return {}
        ours = isinstance(value, dict) and all(
            isinstance(value.get(key), str) for key in _OURS[name]
        )
        return value if ours else {}

    def unpacked(self, name: str) -> "Attributes":
        """Those of the producer: without *name* where it is ours, with what was inside."""
        if not (told := self.told(name)):
            return self
        inside = _texts(told.get("attributes"))
        return self.without(name) | Attributes(
            inside, _texts(told.get("attribute_types"))
        ).only(inside)

    def packed(self, name: str, reason: Mapping[str, Any]) -> "Attributes":
        """These and ours, *reason* under *name*; what is too many goes inside of it."""
        # Ours are read by their names, so they never go inside.
        first = [one for one in _OURS if one != name and self.told(one)]
        names = [*first, *(one for one in self.texts if one not in (name, *first))]
        inside = self.only([*names[MOST - 1 :], *({name} & self.texts.keys())])
        told = dict(reason)
        if inside.texts:
            told |= {"attributes": inside.texts, "attribute_types": inside.types}
        return self.only(names[: MOST - 1]) | Attributes({name: json.dumps(told)})


def size(wire: Mapping[str, Any]) -> int:
    """Bytes as SQS counts them: of each the name, the type and the value."""
    texts = []  # together: it is done for each event that is accepted
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


#: Stands beside what was accepted from a sender who holds a receipt for it. Others may write
#: it as well: then nobody reads what becomes of their own event, and staff do not ask.
RECEIPT = Attributes({"receipt": "given"})
