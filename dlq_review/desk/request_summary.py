"""A summary of the request in a body, for people to read. Its content is never trusted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from dlq_review.bodies import formatting
from dlq_review.letters.blame import blamed
from dlq_review.letters.current_event import NotAnEventError, event_in
from dlq_review.models import DeadLetter
from dlq_review.search.veil import Bare
from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event, envelope_of
from processing.events.errors import Problem
from processing.events.masking import MASK, mask_reference

_LONGEST_VALUE = 300
_MOST_ITEMS = 100
_MOST_FIELDS = 100
_LONGEST_LABEL = 100
_NAMES = ("customer id", "order id")


@dataclass(frozen=True, slots=True)
class Field:
    label: str
    value: str
    problem: str = ""

    @property
    def findable(self) -> bool:
        """Whether it names other requests, and is no personal data."""
        names_others = self.label in _NAMES and self.value not in ("", MASK)
        return names_others and mask_reference(self.value) == self.value


@dataclass(slots=True)
class Asked:
    title: str
    fields: list[Field] = field(default_factory=list)
    items: list[list[Field]] = field(default_factory=list)
    more_fields: int = 0
    more_items: int = 0
    """The number of items left out; the body shows them."""
    problems: list[Problem] = field(default_factory=list)
    """Problems that belong to no field shown."""
    event: Event | None = None


def asked(letter: DeadLetter, body: str, look: Bare) -> Asked:
    """Read *body* field by field; each field carries its problems."""
    event, problems = _event(letter, body)
    data = _data(look.body(body if event is None else event.body))
    contract = CONTRACTS.get(letter.type)
    result = Asked(contract.title if contract else "Not an event we know", event=event)
    sentences = {problem.field: problem.message for problem in problems}
    sentences |= {one.field: look.error(one.message) for one in blamed(letter, body)}
    items = data.pop("items", [])
    parts = _flat(data)
    for key, value in islice(parts, _MOST_FIELDS):
        result.fields.append(
            Field(key.replace("_", " "), value, sentences.pop(f"data.{key}", ""))
        )
    result.more_fields = sum(1 for _ in parts)
    if isinstance(items, list):
        result.items = [
            _item(number, item, sentences)
            for number, item in enumerate(items[:_MOST_ITEMS])
        ]
        result.more_items = len(items) - len(result.items)
    result.problems = [
        look.problem(Problem(path, text)) for path, text in sentences.items()
    ]
    return result


def _event(letter: DeadLetter, body: str) -> tuple[Event | None, tuple[Problem, ...]]:
    try:
        return event_in(letter, body), ()
    except NotAnEventError as error:
        return None, error.problems


def _data(body: str) -> dict[str, Any]:
    data = envelope_of(body).get("data")
    return dict(data) if isinstance(data, dict) else {}


def _flat(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        # Cut at each level: a long name would be repeated for all that stands below it.
        name = formatting.visible(f"{prefix}{key}"[:_LONGEST_LABEL])
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        else:
            yield name, _short(value)


def _item(number: int, item: Any, sentences: dict[str, str]) -> list[Field]:
    item = item if isinstance(item, dict) else {"sku": item}
    cells = []
    for key in ("sku", "quantity", "unit_price"):
        problem = sentences.pop(f"data.items.{number}.{key}", "")
        cells.append(Field(key, _short(item.get(key, "")), problem))
    return cells


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
    return formatting.visible(text)
