"""What can be wrong with an event. All of it is permanent: it fails the same way again."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: `field` is the path, as in `data.items.0.sku`."""

    field: str
    message: str

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
    "int_type": "Write this as a whole number.",
    "dict_type": "Write this as an object.",
    "model_type": "Write this as an object.",
    "list_type": "Write this as a list.",
}


def problems_in(error: ValidationError, prefix: tuple[str, ...] = ()) -> list[Problem]:
    """pydantic's findings as sentences for people, without the values they are about."""
    return [
        Problem(
            field=".".join(str(part) for part in (*prefix, *found["loc"])),
            message=_SENTENCES.get(found["type"], found["msg"]),
        )
        for found in error.errors(
            include_url=False, include_input=False, include_context=False
        )
    ]
