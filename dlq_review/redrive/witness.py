"""What the worker asks the desk (processing/handlers/desk.py), answered by the rows alone.

A redrive id follows from small numbers and a request id stands on a receipt, so whoever
writes a message may know both. So the body must be one that the letter holds too: whatever
is believed is what staff sent.
"""

from dlq_review.letters import redrive_mark
from dlq_review.models import DeadLetter
from processing.events.envelope import Event


def sent(redrive: str, event: Event, queue: str) -> bool:
    """Whether *event* was last redriven, in a body its letter holds, to *queue*."""
    letter = DeadLetter.objects.filter(
        pk=redrive_mark.letter_in(redrive), request_id=event.id
    ).first()
    if letter is None or str(letter.redrive_id) != redrive_mark.id_in(redrive):
        return False
    sent_there = (letter.redriven_to or event.queue) == queue
    held = letter.revisions.filter(fingerprint=event.fingerprint)
    return sent_there and held.exists()


def holds(type: str, reference: str) -> bool:
    """Whether an event of *type* about *reference* is a letter that is not settled."""
    letters = DeadLetter.objects.filter(type=type, reference=reference)
    return letters.exclude(state__in=DeadLetter.SETTLED).exists()
