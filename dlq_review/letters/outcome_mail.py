"""Mail the outcome of a request to its sender, who asked for it on the receipt.

The mail goes to the address in the original body and nowhere else. Crash order: one
transaction {the mail's event into the spool; the wish deleted} -> commit -> the relay sends
it. So each wish brings one event, and the worker drops a copy of it by its request id.
"""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse
from pydantic import TypeAdapter, ValidationError

from dlq_review.models import Revision
from processing.delivery import spool
from processing.events.contracts import CONTRACTS, EmailRequested
from processing.events.envelope import Event, envelope_of
from processing.events.field_types import Email
from processing.models import Outcome, OutcomeMail
from processing.receipts import Receipt, State, Status

MOST = 100  # wishes of one run
_ADDRESS: TypeAdapter[str] = TypeAdapter(Email)
_SENTENCES = {
    State.DONE: "It is done.",
    State.NOT_ACCEPTED: "It was not accepted, and it is closed.",
    State.STALE: "A later change was stored before, so nothing was changed.",
}
_BODY = """Hello,

you asked to hear how your request {about}ends.
{outcome} This page tells more:

{link}

This is the only mail about it.
"""


def address_in(body: str) -> str:
    """The address in *body* that is the sender's own; empty if there is none."""
    raw = envelope_of(body)
    contract = CONTRACTS.get(str(raw.get("type")))
    data: Any = raw.get("data")
    if (
        contract is None
        or not contract.accepted_from_anyone
        or not isinstance(data, dict)
    ):
        return ""
    try:
        return _ADDRESS.validate_python(data.get("email"), strict=True)
    except ValidationError:
        return ""


def send() -> int:
    """Mail the outcomes that are known; return how many mails were put into the spool."""
    known = Outcome.objects.filter(pk=OuterRef("pk"))
    due = OutcomeMail.objects.filter(Exists(known)).order_by("asked_at")
    return sum(map(_answer, due.values_list("pk", flat=True)[:MOST]))


@transaction.atomic
def _answer(request_id: str) -> int:
    wishes = OutcomeMail.objects.filter(pk=request_id)
    wish = wishes.select_for_update(skip_locked=True).first()
    if wish is None:
        return 0  # another run has it
    mail = _mail(wish)
    if mail is not None:
        spool.record([mail], request_id)
    wishes.delete()
    return int(mail is not None)


def original_of(request_id: str, piece: str) -> Revision | None:
    """The body that arrived whose fingerprint begins with *piece*.

    Two requests of different senders may have one id.
    """
    arrived = Revision.objects.filter(letter__request_id=request_id, number=0)
    arrived = arrived.filter(fingerprint__startswith=piece).select_related("letter")
    return arrived.order_by("letter_id").first()


def _mail(wish: OutcomeMail) -> Event | None:
    """The event that sends the mail; None if the body is gone, or holds no address."""
    request_id = wish.request_id
    original = original_of(request_id, wish.piece)
    address = address_in(original.body) if original is not None else ""
    if original is None or not address:
        return None
    piece = original.fingerprint[:16]
    receipt = Receipt(request_id, original.letter.type, piece)
    status = receipt.status()
    link = settings.SITE_URL + reverse("intake:receipt", args=[receipt.token])
    return Event.new(
        EmailRequested(
            recipient=address,
            subject="How your request ended",
            body=_BODY.format(
                about=_about(status), outcome=_outcome(status), link=link
            ),
        ),
        # The same id for the same outcome of the same sender's request: one mail.
        id=str(uuid5(NAMESPACE_URL, f"{request_id}/{piece}/outcome/{status.state}")),
        correlation_id=original.letter.correlation_id or request_id,
    )


def _about(status: Status) -> str:
    order = status.made.get("order", "")
    return f"about order {order} " if order else ""


def _outcome(status: Status) -> str:
    return _SENTENCES.get(status.state, "It has ended.")
