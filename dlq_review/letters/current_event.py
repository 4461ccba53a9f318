"""Parse a dead letter's body as an event, or say why it is none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.db.models import F, Func, IntegerField

from dlq_review.errors import ReviewError
from dlq_review.models import DeadLetter, Revision
from processing.events import envelope
from processing.events.errors import EventError, Problem
from processing.events.veil import Veil
from processing.models import Outcome

MOST_READ = 4 * 1024 * 1024  # bytes of bodies that one page reads


class ByteLength(Func):
    """The bytes of a text, which PostgreSQL knows without reading it."""

    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        template = "LENGTH(CAST(%(expressions)s AS BLOB))"
        return self.as_sql(compiler, connection, template=template)


class NotAnEventError(ReviewError):
    """The body is not a valid event."""

    def __init__(self, problems: tuple[Problem, ...], body: str = "") -> None:
        """Only *problems* may quote *body*; the error's text holds no personal data."""
        self.problems = problems
        self._body = body
        super().__init__(self.__doc__)

    def __str__(self) -> str:
        said = Veil(self._body)(" ".join(map(str, self.problems)))
        return f"{self.__doc__} {said}"


def current(letter: DeadLetter) -> Revision:
    return letter.revisions.get(number=letter.revision)


def current_bodies(letters: Iterable[DeadLetter]) -> dict[int, str]:
    """The body of the current revision of each of *letters*, by their numbers."""
    found = Revision.objects.filter(letter__in=letters, number=F("letter__revision"))
    return dict(found.order_by().values_list("letter_id", "body"))


def some_bodies(letters: Sequence[DeadLetter]) -> dict[int, str]:
    """The bodies of the first of *letters*, as they were read, up to MOST_READ bytes.

    A body alone may have a megabyte, and a page must not read a thousand of those.
    """
    numbers = {letter.pk: letter.revision for letter in letters}
    revisions = Revision.objects.filter(
        letter__in=list(numbers), number__in=set(numbers.values())
    ).order_by()
    sized = revisions.values_list("pk", "letter_id", "number", ByteLength("body"))
    found = {of: (pk, size) for pk, of, number, size in sized if number == numbers[of]}
    known = [found[of] for of in numbers if of in found]
    ends = accumulate(size for _, size in known)
    fitting = [pk for (pk, _), end in zip(known, ends, strict=True) if end <= MOST_READ]
    bodies = Revision.objects.filter(pk__in=fitting).order_by()
    return dict(bodies.values_list("letter_id", "body"))


def event_in(letter: DeadLetter, body: str) -> envelope.Event:
    """Parse *body* as the event of *letter*. Raises NotAnEventError."""
    try:
        return envelope.parse(
            body, fallback_id=letter.request_id, sent_at=letter.sent_at
        )
    except EventError as error:
        raise NotAnEventError(error.problems, body) from None


def fingerprint(body: str, request_id: str) -> str:
    """The fingerprint of *body*; empty if it is not a valid event."""
    try:
        return envelope.parse(body, fallback_id=request_id).fingerprint
    except EventError:
        return ""


@dataclass(frozen=True, slots=True)
class Processed:
    """The outcome of a letter's request in processing."""

    done: bool
    same: bool
    """It was processed with a body that this letter holds, or held in an earlier revision."""


def processed(letter: DeadLetter) -> Processed:
    outcome = Outcome.processed(letter.request_id).first()
    if outcome is None:
        return Processed(done=False, same=False)
    same = letter.revisions.filter(fingerprint=outcome.fingerprint).exists()
    return Processed(done=True, same=same)
