"""The fingerprint of a failure: queue, type, error, and function or text."""

import functools
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from processing.delivery.attempts import LONGEST_TEXT
from processing.events.errors import (
    InvalidEventError,
    UnknownEventTypeError,
    UnreadableEventError,
)

#: These are raised at one place in our code, so their text tells them apart.
_GROUPED_BY_TEXT = {
    error.__name__
    for error in (InvalidEventError, UnknownEventTypeError, UnreadableEventError)
}
VERSION = "v2:"
LONGEST_KEY = 64  # characters, as the column has
LONGEST_TEMPLATE = 300  # characters, as the column has
_CHANGING = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\S*\d\S*")


@dataclass(frozen=True)  # without slots, which have no room for a cached property
class Failure:
    queue: str
    type: str
    error_type: str
    error_text: str
    place: str
    release: str
    failed_at: datetime
    unmasked_text: str
    """The original error text, with its personal data."""
    deliveries: int
    """How often the message was delivered before it ended in the DLQ."""
    error_field: str = ""
    """The field that a handler refused, as in data.order_id."""
    key_text: str = ""
    """The error text as the body that failed masks it, where other bodies mask more."""

    @property
    def template(self) -> str:
        """The text without the parts that differ between messages."""
        return _template(self.error_text)

    @property
    def key_template(self) -> str:
        """The template that tells groups apart, whatever other bodies their letters had."""
        return _template(self.key_text or self.error_text)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The key of the group, equal for failures that belong together.

        It is made of queue, event type, error type, function and the template of the text.
        No file is in it, so a function may move; for errors of the message itself there is
        no function in it either. The version says how a key was made: change it with the
        rule, and carry the groups over by a migration.
        """
        parts = [self.queue, self.type, self.error_type]
        if by_text(self.error_type, self.place):
            parts += [_template(self.unmasked_text)]
        else:
            parts += [self.place.rpartition(":")[2], self.key_template]
        text = "\n".join(parts).encode("utf-8", "replace")
        digest = hashlib.sha256(text).hexdigest()
        return f"{VERSION}{digest}"[:LONGEST_KEY]


def _template(text: str) -> str:
    return _CHANGING.sub("…", text[:LONGEST_TEXT])[:LONGEST_TEMPLATE]


def by_text(error_type: str, place: str) -> bool:
    """Whether failures are grouped by their text instead of their place in our code."""
    return error_type in _GROUPED_BY_TEXT or not place
