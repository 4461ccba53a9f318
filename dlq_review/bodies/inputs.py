"""The parts of a form of a body: its inputs, and the sections that hold them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from dlq_review.bodies.contract_fields import Kind


@dataclass(frozen=True, slots=True)
class Input:
    pointer: str
    label: str
    kind: Kind
    shown: str = ""
    present: bool = False
    note: str = ""
    problem: str = ""
    locked: bool = False
    """It holds personal data, which this person may not see."""

    @property
    def element(self) -> str:
        return f"id_{quote(self.pointer, safe='/')}"

    @property
    def strange(self) -> str:
        """The value, if it is none of the choices."""
        return self.shown if self.shown not in self.kind.choices else ""

    def as_sent(self, text: str) -> str:
        """*text* as a browser sends it back."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text if self.kind.is_long else text.replace("\n", "")


@dataclass(frozen=True, slots=True)
class Extra:
    """A member that the contract does not know."""

    pointer: str
    name: str
    shown: str
    removable: bool


@dataclass(slots=True)
class Section:
    pointer: str
    title: str
    inputs: list[Input] = field(default_factory=list)
    sections: list["Section"] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)
    present: bool = True
    grows: bool = False
    """It is a list, so that one can add to it."""
    of_texts: bool = False
    """It is a list of texts, not of objects."""
    removable: bool = False
    note: str = ""
    problem: str = ""

    def walk(self) -> Iterator["Section"]:
        yield self
        for section in self.sections:
            yield from section.walk()

    @property
    def element(self) -> str:
        return f"id_{quote(self.pointer, safe='/')}"

    @property
    def is_empty(self) -> bool:
        return not self.extras and not any(one.shown for one in self.inputs)
