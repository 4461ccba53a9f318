"""The desk's answers to the worker (processing/handlers/desk.py), from its rows alone.

A producer may know both ids: a redrive id is derived from small numbers, and a request id
is printed on a receipt. So the body must also be one that the letter holds. Then staff
could have sent just this message.
"""

from dlq_review.letters import redrive_mark
from dlq_review.models import DeadLetter
from processing.events.envelope import Event


def sent(redrive: str, event: Event, queue: str) -> bool:
    """Whether *event* was last redriven to *queue*, with a body that its letter holds."""
    letter = DeadLetter.objects.filter(
        pk=redrive_mark.letter_in(redrive), request_id=event.id
    ).first()
    if letter is None or str(letter.redrive_id) != redrive_mark.id_in(redrive):
        return False
    sent_there = (letter.redriven_to or event.queue) == queue
    revisions = letter.revisions.filter(fingerprint=event.fingerprint)
    return sent_there and revisions.exists()


def has_waiting(type: str, reference: str) -> bool:
    """Whether an unsettled letter holds an event of *type* about *reference*."""
    letters = DeadLetter.objects.filter(type=type, reference=reference)
    return letters.exclude(state__in=DeadLetter.SETTLED).exists()
