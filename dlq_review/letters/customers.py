"""Note the customer of letters that an earlier release stored, which did not.

Beat does it step by step. A letter that somebody has locked is left for the next step.
"""

from time import monotonic

from django.db import transaction

from dlq_review.letters.current_event import current_bodies
from dlq_review.letters.sets import column
from dlq_review.models import DeadLetter
from processing.events import envelope

STEP = 200  # letters of one transaction
AT_ONCE = 20  # bodies of up to 1 MiB, held at once


def note(*, seconds: float) -> int:
    """Note the customers of letters, for about *seconds*; return of how many."""
    deadline = monotonic() + seconds
    noted = 0
    while monotonic() < deadline and (step := _step()):
        noted += step
    return noted


@transaction.atomic
def _step() -> int:
    unknown = DeadLetter.objects.filter(customer_id=None).order_by("pk")
    locked = unknown.select_for_update(skip_locked=True, no_key=True)
    letters = list(locked.only("pk", "request_id")[:STEP])
    names: dict[int, str] = {}
    for start in range(0, len(letters), AT_ONCE):
        some = letters[start : start + AT_ONCE]
        bodies = current_bodies(some)
        names |= {one.pk: _customer(one, bodies.get(one.pk, "")) for one in some}
    if names:
        found = DeadLetter.objects.filter(pk__in=names)
        found.update(customer_id=column(DeadLetter, "customer_id", names))
    return len(names)


def _customer(letter: DeadLetter, body: str) -> str:
    return envelope.identify(body, fallback_id=letter.request_id).customer_id
