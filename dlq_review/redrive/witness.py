"""The desk's answers to workers and receipts (processing/handlers/desk.py), from its rows.

A producer may know both ids: a redrive id is derived from small numbers, and a request id
is printed on a receipt. So the body must also be one that the letter holds. Then staff
could have sent just this message.
"""

from dlq_review.letters import outcome_mail, redrive_mark
from dlq_review.models import DeadLetter, FailureGroup
from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event
from processing.handlers.desk import Review


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


def review(request_id: str, piece: str) -> Review:
    """What the sender may know, if the letter holds, or held, the body of the receipt.

    Another sender may have used the same request id for a request of their own.
    """
    original = outcome_mail.original_of(request_id, piece) if piece else None
    if original is None:
        return Review()
    letter = original.letter
    contract = CONTRACTS.get(letter.type)
    about_order = contract is not None and contract.reference_field == "order_id"
    return Review(
        taken=letter.group.state == FailureGroup.State.ACKNOWLEDGED,
        order=letter.reference if about_order else "",
        has_address=bool(outcome_mail.address_in(original.body)),
    )
