"""How long after a kill the messages of a worker were delivered again.

From the journal that tests/boot/held.py writes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.boot.held import TAKEN


@dataclass(frozen=True, slots=True)
class Kill:
    worker: str
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Recovery:
    kill: Kill
    back_after: Sequence[float]
    """Seconds until each message that the worker held was delivered again."""
    not_back: int
    """Messages that were on their last delivery, so that they went to their DLQ."""

    def __str__(self) -> str:
        held = len(self.back_after) + self.not_back
        said = f"kill -9 {self.kill.worker}: it held {held}"
        if self.back_after:
            said += f", back after {max(self.back_after):.1f} s at most"
        return said + (f", {self.not_back} to a DLQ" if self.not_back else "")


@dataclass(frozen=True, slots=True)
class _Line:
    at: float
    worker: str
    word: str


def recoveries(journal: Path, kills: Iterable[Kill]) -> list[Recovery]:
    by_message: dict[str, list[_Line]] = {}
    for line in journal.read_text().splitlines() if journal.exists() else ():
        at, worker, word, message, _ = line.split()
        by_message.setdefault(message, []).append(_Line(float(at), worker, word))
    return [_recovery(kill, list(by_message.values())) for kill in kills]


def _recovery(kill: Kill, messages: Sequence[Sequence[_Line]]) -> Recovery:
    back_after, not_back = [], 0
    for lines in messages:
        before = list(takewhile(lambda line: line.at <= kill.at, lines))
        if not before or (before[-1].worker, before[-1].word) != (kill.worker, TAKEN):
            continue
        again = [one.at for one in lines[len(before) :] if one.word == TAKEN]
        if again:
            back_after.append(again[0] - kill.at)
        else:
            not_back += 1
    return Recovery(kill, back_after, not_back)
