"""The errors of an event. All are permanent: the event fails the same way again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST_PROBLEMS = 300  # enough for a hundred items with three fields each
_LONGEST_NAME = 100  # characters; our fields are shorter


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: `field` is the path for people, as in `data.items.0.sku`."""

    field: str
    message: str
    path: tuple[str, ...] = ()
    """The names in `field`, one by one, if they may be any text."""

    @classmethod
    def at(cls, path: Iterable[str | int], message: str) -> Self:
        """The problem at *path*, whose parts may be any text."""
        names = tuple(map(str, path))
        return cls(".".join(map(_shown, names)), message, names)

    @property
    def names(self) -> tuple[str, ...]:
        return self.path or tuple(filter(None, self.field.split(".")))

    @property
    def pointer(self) -> str:
        """The field as a JSON pointer in a URI fragment, as in `#/data/items/0/sku`.

        If a name is too long to repeat, the pointer leads to the object that holds it.
        """
        short = takewhile(lambda name: len(name) <= _LONGEST_NAME, self.names)
        return "#" + "".join(f"/{_escaped(name)}" for name in short)

    def under(self, *names: str | int) -> Self:
        """The same, where what is wrong is a part of something larger."""
        return self.at((*names, *self.names), self.message)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def _shown(name: str) -> str:
    """*name* in a form that any page, log and column can hold."""
    return name[:_LONGEST_NAME].encode("utf-8", "backslashreplace").decode()


def _escaped(name: str) -> str:
    pointer = name.replace("~", "~0").replace("/", "~1")  # RFC 6901, 3
    return quote(pointer, safe="!$&'()*+,;=:@?", errors="surrogatepass")  # and 6


class PermanentError(Exception):
    """The event fails the same way until somebody changes something."""


class EventError(PermanentError):
    """The message is not an event that can be processed."""

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem("", problems)]
        self.problems = tuple(problems)
        super().__init__(" ".join(map(str, self.problems)))

    def under(self, *names: str | int) -> Self:
        """The same, where what is wrong is a part of something larger."""
        return type(self)([problem.under(*names) for problem in self.problems])


class UnreadableEventError(EventError):
    """The message cannot be read as an event at all."""


class UnknownEventTypeError(EventError):
    """The message names a type that no contract declares."""


class InvalidEventError(EventError):
    """The event breaks its contract; each problem names the field."""


_SENTENCES = {
    "extra_forbidden": "There is no such field; remove it.",
    "missing": "This field is required.",
    "string_type": "Write this as text.",
    "string_unicode": r"A character is cut in half here, such as \ud83d; remove it.",
    "string_too_long": "Write at most {max_length} characters.",
    "string_too_short": "Write at least {min_length} characters.",
    "int_type": "Write this as a whole number.",
    "int_from_float": "Write this as a whole number.",
    "greater_than_equal": "Write {ge} or more.",
    "less_than_equal": "Write {le} or less.",
    "literal_error": "Choose one of {expected}.",
    "dict_type": "Write this as an object.",
    "model_type": "Write this as an object.",
    "list_type": "Write this as a list.",
    "too_short": "Give at least {min_length}.",
    "too_long": "Give at most {max_length}.",
}


def problems_in(error: ValidationError, prefix: tuple[str, ...] = ()) -> list[Problem]:
    """pydantic's errors as sentences for people, without the values.

    Returns the first MOST_PROBLEMS, and how many more there are.
    """
    found = [
        one
        for one in error.errors(include_url=False, include_input=False)
        # It only repeats that another field is wrong, which is in the list already.
        if one["type"] != "default_factory_not_called"
    ]
    problems = [
        Problem.at((*prefix, *_path(one["loc"])), _sentence(one))
        for one in found[:MOST_PROBLEMS]
    ]
    if (more := len(found) - len(problems)) > 0:
        problems.append(Problem.at(prefix, f"And {more:,} more; correct these first."))
    return problems


def _path(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path of the field; pydantic adds a mark behind a member name that is wrong."""
    return loc[:-1] if loc[-1:] == ("[key]",) else loc


def _sentence(found: ErrorDetails) -> str:
    sentence = _SENTENCES.get(found["type"])
    if sentence is None:
        return found["msg"]
    # Without quotes: masking takes a quoted text for a part of the message.
    return sentence.format(**found.get("ctx", {})).replace("'", "")
