"""What letters have in common: each path with its values, what tells most first.

A value tells much if many of the letters have it and few of the requests that were
processed. The letters are a sample, so the cost does not grow with the list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlq_review.bodies.field_conditions import Condition, FieldError
from dlq_review.facets.failing import Failing, FailingPath
from dlq_review.facets.processed import Processed, processed
from dlq_review.facets.values import Facet, Facets, Places, around
from dlq_review.letters import current_event
from dlq_review.models import DeadLetter
from dlq_review.search.circumstances import circumstances
from dlq_review.search.veil import is_public
from processing.events import strict_json

SAMPLE = 500  # letters
#: The columns of a letter that are read here.
FIELDS = (
    *("request_id", "queue", "type", "group", "release", "body_fingerprint"),
    *("sent_at", "last_failed_at", "revision"),
)
MOST_VALUES = 5  # of one path
_UNKNOWN = (
    0.5  # of its share is what a value counts for that nothing can be compared with
)


@dataclass(frozen=True, slots=True)
class Value:
    text: str
    letters: int
    share: float
    """Of the letters that could be read."""
    beside: float | None
    """The share among what was processed; None if it is not known."""
    condition: str
    """The condition that finds the letters with it; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Row:
    path: str
    values: list[Value]
    letters: int
    others: int
    """Different values that are not shown, because there are too many."""
    hidden: int
    """Different values that are personal, or may be."""
    beside: str
    """Whose shares stand beside it; empty if nothing is stored."""
    compared: int = 0
    """How many of those there are."""
    missing: int = 0
    """Of a refused path: the letters without it."""
    message: str = ""
    """Of a refused path: what is to be corrected."""

    @property
    def tells(self) -> float:
        return max(
            (
                one.share - one.beside
                if one.beside is not None
                else one.share * _UNKNOWN
                for one in self.values
            ),
            default=0.0,
        )


@dataclass(frozen=True, slots=True)
class Card:
    sample: int
    read: int
    """Letters of the sample whose body is an object or a list in JSON."""
    unread: int
    """Letters of the sample whose bodies were left out, because they are long together."""
    refused: int
    """Letters of the sample that break their contract."""
    failing: list[Row]
    rows: list[Row]
    """The other paths, what tells most first."""
    plain: list[Row]
    """The paths whose values are as common among what was processed."""
    alike: list[Row]
    """The paths that have another value in each letter, and personal ones."""
    processed: Processed | None
    """None if the letters are of several types, or of none that is known."""
    left_out: bool


def look(letters: Sequence[DeadLetter]) -> Card:
    """Compare *letters*, at most SAMPLE, with each other and with what was processed."""
    letters = letters[:SAMPLE]
    bodies = current_event.some_bodies(letters)
    found, failing, places = Facets(), Failing(), Places()
    for letter in letters:
        try:
            document = strict_json.loads(bodies.get(letter.pk, ""))
        except strict_json.UnreadableJSONError:
            continue
        found.add(places.leaves(document))
        if not letter.body_fingerprint:
            root = places.root(document)
            failing.add(letter, bodies[letter.pk], root, document)
    beside = _around(letters)
    types = {letter.type for letter in letters}
    known = processed(next(iter(types))) if len(types) == 1 and types != {""} else None
    rows = [_row(name, one, found.letters, known) for name, one in _of(found)]
    rows += [_row(name, one, len(letters), known) for name, one in _of(beside)]
    rows = [row for row in rows if row.path not in failing.by_path]
    shared = [row for row in rows if row.values and row.values[0].letters > 1]
    shared = shared or [row for row in rows if row.values and len(letters) == 1]
    telling = [row for row in shared if row.tells > 0]
    return Card(
        sample=len(letters),
        read=found.letters,
        unread=len(letters) - len(bodies),
        refused=failing.letters,
        failing=[_failing(name, one, known) for name, one in failing.ranked()],
        rows=sorted(telling, key=lambda row: row.tells, reverse=True),
        plain=[row for row in shared if row.tells <= 0],
        alike=[row for row in rows if row not in shared],
        processed=known,
        left_out=found.left_out,
    )


def _around(letters: Sequence[DeadLetter]) -> Facets:
    found = Facets()
    for known in circumstances(letters, masked=False).values():
        found.add(around(known))
    return found


def _of(found: Facets) -> list[tuple[str, Facet]]:
    return [(name, one) for name, one in found.by_path.items() if one.different]


def _failing(name: str, one: FailingPath, known: Processed | None) -> Row:
    return _row(
        name,
        one.facet,
        one.facet.letters,
        known,
        missing=one.missing,
        message=one.message,
    )


def _row(
    name: str, facet: Facet, letters: int, known: Processed | None, **more: Any
) -> Row:
    shown = facet.values.most_common(MOST_VALUES)
    source = known.source(name) if known and not name.startswith("@") else None
    values = [
        Value(
            text=text,
            letters=count,
            share=count / letters,
            beside=_beside(name, text, known),
            condition=_condition(name, text),
        )
        for text, count in shown
    ]
    return Row(
        path=name,
        values=values,
        letters=facet.letters,
        others=len(facet.values) - len(shown),
        hidden=len(facet.hidden),
        beside=source.name if source else "",
        compared=source.facets.letters if source else 0,
        **more,
    )


def _beside(name: str, text: str, known: Processed | None) -> float | None:
    if known is None:
        return None
    if name == "@hour":
        return known.share_of_hour(text)
    if name == "type":
        return 1.0  # it is how they were chosen
    source = known.source(name) if not name.startswith("@") else None
    return source.share(name, text) if source else None


def _condition(name: str, text: str) -> str:
    """The condition that finds *text* at *name*; empty if not everybody may ask for it."""
    condition = f"{name}={text}"
    try:
        return condition if is_public(Condition.read(condition)) else ""
    except FieldError:
        return ""
