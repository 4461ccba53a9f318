"""What can be wrong with an event. All of it is permanent: it fails the same way again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import ValidationError
from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: `field` is the path, as in `data.items.0.sku`."""

    field: str
    message: str

    @property
    def pointer(self) -> str:
        """The field as a JSON pointer in a URI fragment, as in `#/data/items/0/sku`."""
        escaped = self.field.replace("~", "~0").replace("/", "~1")
        return "#" + "".join(f"/{part}" for part in escaped.split(".") if part)

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class PermanentError(Exception):
    """It will fail the same way until somebody changes something."""


class EventError(PermanentError):
    """The message is not an event that can be processed."""

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem("", problems)]
        self.problems = tuple(problems)
        super().__init__(" ".join(map(str, self.problems)))

    def under(self, prefix: str) -> Self:
        """The same, where what is wrong is a part of something larger."""
        return type(self)(
            [
                Problem(f"{prefix}.{problem.field}".rstrip("."), problem.message)
                for problem in self.problems
            ]
        )


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
    """pydantic's findings as sentences for people, without the values they are about."""
    return [
        Problem(
            field=".".join(str(part)[:100] for part in (*prefix, *found["loc"])),
            message=_sentence(found),
        )
        for found in error.errors(include_url=False, include_input=False)
        # Only says that another field was wrong, and that one is in the list.
        if found["type"] != "default_factory_not_called"
    ]


def _sentence(found: ErrorDetails) -> str:
    sentence = _SENTENCES.get(found["type"])
    if sentence is None:
        return found["msg"]
    return sentence.format(**found.get("ctx", {}))
