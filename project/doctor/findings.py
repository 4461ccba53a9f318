"""What a check found, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. It holds no secret: people paste it into tickets."""

    state: State
    says: str
    """One or two sentences on what was found."""
    advice: str = ""
    """One sentence on what to do; empty for ok."""


def ok(says: str) -> Finding:
    return Finding(State.OK, says)


def warn(says: str, advice: str) -> Finding:
    return Finding(State.WARN, says, advice)


def fail(says: str, advice: str) -> Finding:
    return Finding(State.FAIL, says, advice)
