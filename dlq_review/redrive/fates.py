"""Foretell what a redrive would do with each letter, from columns alone: no body is read.

The order is that of the checks in redrive/claims.py, which decide when it is sent.
"""

from collections import Counter

from django.conf import settings
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    TextChoices,
    Value,
    When,
)

from dlq_review.models import DeadLetter, Revision
from dlq_review.redrive import targets
from processing.models import Outcome


class Fate(TextChoices):
    """The label completes a sentence that begins with a number of letters."""

    SENT = "sent", "would be sent"
    DONE_ALREADY = (
        "done_already",
        "would be resolved and not sent: the request was processed already",
    )
    INVALID = "invalid", "would be skipped: the body is not a valid event"
    NOT_ALLOWED = (
        "not_allowed",
        "would be skipped: they may not be redriven to {to}",
    )
    TOMBSTONE = "tombstone", "would be skipped: the request was discarded"
    DONE_OTHERWISE = (
        "done_otherwise",
        "would be skipped: the request id was processed with another body",
    )
    LIMIT_REACHED = (
        "limit_reached",
        "would be skipped: redriven {limit} times or more already",
    )

    @property
    def skipped(self) -> bool:
        return self not in (Fate.SENT, Fate.DONE_ALREADY)

    def said(self, to: str) -> str:
        return str(self.label).format(to=to, limit=settings.REDRIVE_LIMIT)


def fates(
    letters: QuerySet[DeadLetter], *, to: str, override_limit: bool
) -> Counter[Fate]:
    """How many of *letters*, which all wait, would meet each fate in a redrive to *to*."""
    fate = Case(
        *_conditions(to, override_limit),
        default=Value(Fate.SENT.value),
        output_field=CharField(),
    )
    rows = letters.order_by().annotate(fate=fate).values_list("fate")
    return Counter({Fate(name): count for name, count in rows.annotate(Count("pk"))})


def _conditions(to: str, override_limit: bool) -> list[When]:
    done = Outcome.processed(OuterRef("request_id"))
    held = Revision.objects.filter(
        letter=OuterRef(OuterRef("pk")), fingerprint=OuterRef("fingerprint")
    )
    conditions = {Fate.INVALID: Q(body_fingerprint="")}
    if to:
        conditions[Fate.NOT_ALLOWED] = ~Q(type__in=targets.types_allowed(to))
    conditions |= {
        Fate.TOMBSTONE: Q(Exists(Outcome.discarded(OuterRef("request_id")))),
        Fate.DONE_ALREADY: Q(Exists(done.filter(Exists(held)))),
        Fate.DONE_OTHERWISE: Q(Exists(done)),
    }
    if settings.REDRIVE_LIMIT and not override_limit:
        conditions[Fate.LIMIT_REACHED] = Q(redrives__gte=settings.REDRIVE_LIMIT)
    return [When(holds, then=Value(fate.value)) for fate, holds in conditions.items()]
