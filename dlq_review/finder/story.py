"""The story of one request, from all rows that know its id: one line, and each moment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from django.db import models

from dlq_review.finder.answer import Answer, answer
from dlq_review.finder.lookup import MOST, Hit, hit_of
from dlq_review.finder.rows import Rows, rows_of
from dlq_review.letters import timeline
from dlq_review.letters.timeline import Moment
from dlq_review.models import DeadLetter
from dlq_review.search.veil import look_at
from processing.models import Outcome, Signup, SpooledEvent


@dataclass(slots=True)
class Story:
    request_id: str
    rows: Rows
    answer: Answer
    moments: list[Moment]
    """Newest first; personal data is masked."""
    related: list[Hit] = field(default_factory=list)
    """Other requests with its correlation id, or caused by it."""


def tell(request_id: str, *, genuine: bool = False) -> Story:
    """The story of *request_id*; *genuine* says that a receipt proves it was accepted."""
    rows = rows_of(request_id)
    return Story(
        request_id,
        rows,
        answer(rows, genuine=genuine),
        timeline.newest_first(_moments(rows)),
        _related(request_id, rows),
    )


def _moments(rows: Rows) -> Iterator[Moment]:
    look = look_at(rows.letters)
    yield from chain.from_iterable(
        timeline.deeds(letter, ours=look.text, theirs=look.error)
        for letter in rows.letters
    )
    yield from timeline.failures(rows.attempts)
    if rows.outcome:
        yield timeline.end(rows.outcome, theirs=look.error)
    if rows.spooled:
        title = "Kept in the spool, because SQS had not taken it"
        yield Moment(rows.spooled.created_at, "sent", title, rows.spooled.refusal)
    yield from (_creation(row) for row in rows.made)


def _creation(row: models.Model) -> Moment:
    at: datetime = next(
        getattr(row, name)
        for name in ("created_at", "date_joined", "asked_at")
        if hasattr(row, name)
    )
    name = str(row.account) if isinstance(row, Signup) else str(row)
    return Moment(at, "outcome", f"Stored the {row._meta.verbose_name} {name}")


def _related(request_id: str, rows: Rows) -> list[Hit]:
    found: dict[str, Hit] = {}
    ids = {request_id, rows.correlation_id} - {""}
    first = Outcome.objects.filter(pk__in=ids).order_by()
    for outcome in (*first, *Outcome.correlated(*ids).order_by()[:MOST]):
        found.setdefault(outcome.request_id, hit_of(outcome))
    letters = DeadLetter.objects.filter(correlation_id__in=ids).order_by("-pk")
    for letter in letters[:MOST]:
        title = f"{letter.get_state_display()}: {letter}"
        hit = Hit(letter.request_id, "Dead letter", title, letter.last_failed_at)
        found[hit.request_id] = hit
    for one in SpooledEvent.objects.filter(cause=request_id)[:MOST]:
        found.setdefault(
            one.request_id,
            Hit(one.request_id, "Spooled event", "Waits in the spool", one.created_at),
        )
    found.pop(request_id, None)
    return list(found.values())[:MOST]
