"""Receipts: a signed token for a request, and the request's status.

The signature is the proof that we accepted the request, so "accepted and waiting" is
known from "never seen" without any row. A receipt holds no personal data.
It holds a part of the fingerprint: if one request id was used for two contents, each
receipt shows the status of its own.
"""

import functools
import hashlib
import hmac
import logging
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from django.conf import settings
from django.core import signing
from django.db import Error
from django.utils.encoding import force_bytes

from processing.database.patience import within
from processing.events.envelope import Event
from processing.handlers import desk
from processing.handlers.desk import Review
from processing.handlers.orders import UnknownOrderError
from processing.models import Attempt, Outcome, OutcomeMail, Repair, UnderReview

logger = logging.getLogger(__name__)


class _Signer(signing.Signer):
    """Django's signatures; the key is derived from a secret once and not each time."""

    def signature(self, value: str | bytes, key: str | bytes | None = None) -> str:
        derived = _derived(str(self.salt) + "signer", key or self.key, self.algorithm)
        digest = hmac.digest(derived, force_bytes(value), self.algorithm)
        return signing.b64_encode(digest).decode()


@functools.lru_cache(maxsize=8)
def _derived(salt: str, key: str | bytes, algorithm: str) -> bytes:
    return hashlib.new(algorithm, force_bytes(salt) + force_bytes(key)).digest()


_SIGNER = _Signer(salt="intake.receipt", sep=".")
_PIECE = 16  # characters of the fingerprint
PATIENCE = 1.0  # seconds for the database
USED_FOR_ANOTHER = (
    "This Idempotency-Key was used for another request, and that one was carried out. "
    "Send this one with a key of its own."
)


_STALE = "The status of this order carries a later time than your change, so nothing was changed."
_NO_ORDER_YET = (
    "We know no such order yet. Please check its number. If the order is on its way to us, "
    "your change waits for it; if none comes, this page soon says so."
)


class UnknownReceiptError(LookupError):
    """There is no such receipt. Check that the whole address was copied."""


class State(StrEnum):
    RECEIVED = "received"
    PROCESSING = "processing"
    DONE = "done"
    UNDER_REVIEW = "under_review"
    NOT_ACCEPTED = "not_accepted"
    STALE = "stale"
    """Carried out, and nothing changed: a later change was stored before."""


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a request. `attempt` is the number of the next or running attempt."""

    state: State
    attempt: int = 1
    made: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    since: datetime | None = None
    """When its review began, while it is under review."""
    review: Review = field(default_factory=Review)
    mail_asked: bool = False
    """The sender asked for a mail on the outcome."""

    @property
    def final(self) -> bool:
        return self.state in (State.DONE, State.NOT_ACCEPTED, State.STALE)


@dataclass(frozen=True, slots=True)
class Receipt:
    request_id: str
    type: str
    piece: str = ""
    """The beginning of the fingerprint; empty in receipts of earlier releases."""

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(event.id, event.type, event.fingerprint[:_PIECE])

    @classmethod
    def read(cls, token: str) -> Self:
        """Read the receipt in *token*. Raises UnknownReceiptError."""
        try:
            named, _, piece = _SIGNER.unsign(token).partition("~")
        except signing.BadSignature:
            raise UnknownReceiptError(UnknownReceiptError.__doc__) from None
        request_id, _, type = named.rpartition(".")
        return cls(request_id, type, piece)

    @property
    def token(self) -> str:
        # Neither a request id nor a type holds a "~", and no address has to escape it.
        piece = f"~{self.piece}" if self.piece else ""
        return _SIGNER.sign(f"{self.request_id}.{self.type}{piece}")

    def ask_for_mail(self) -> None:
        """Have the outcome mailed, once, to the address in the request itself.

        Does nothing unless the page offers it now. If two requests have one id, the first
        that asks gets the mail.
        """
        status = self.status()
        if status.state == State.UNDER_REVIEW and status.review.has_address:
            OutcomeMail.objects.get_or_create(
                request_id=self.request_id, defaults={"piece": self.piece}
            )

    def status(self) -> Status:
        """The status from the tables; "received" if the database is away or hangs."""
        try:
            with within(PATIENCE):
                return _status(self)
        except Error as away:
            logger.warning(
                "request_id=%s status_unknown=%s", self.request_id, type(away).__name__
            )
            return Status(State.RECEIVED)


def _status(receipt: Receipt) -> Status:
    request_id = receipt.request_id
    outcome = Outcome.objects.filter(pk=request_id).first()
    named = outcome is not None and outcome.kind != Outcome.Kind.DISCARDED
    if outcome is not None and named and _is_of_another(outcome, receipt):
        return Status(State.NOT_ACCEPTED, reason=USED_FOR_ANOTHER)
    if outcome is not None and outcome.kind == Outcome.Kind.PROCESSED:
        if outcome.stale:
            return Status(State.STALE, made=outcome.made, reason=_STALE)
        return Status(State.DONE, made=outcome.made)
    attempts = Attempt.objects.filter(request_id=request_id)
    latest = attempts.first()
    if outcome is not None:
        known = desk.review(request_id, receipt.piece)
        return Status(State.NOT_ACCEPTED, reason=_reason(outcome, latest), review=known)
    review = UnderReview.objects.filter(pk=request_id).first()
    if _is_stuck(latest, review):
        return _under_review(receipt, latest, review)
    if latest is None and review is None:
        return Status(State.RECEIVED)
    waits = latest is not None and latest.error_type == UnknownOrderError.__name__
    reason = _NO_ORDER_YET if waits else ""
    return Status(State.PROCESSING, attempt=attempts.count() + 1, reason=reason)


def _under_review(
    receipt: Receipt, latest: Attempt | None, review: UnderReview | None
) -> Status:
    began = [
        one for one in (review and review.since, latest and latest.started_at) if one
    ]
    return Status(
        State.UNDER_REVIEW,
        since=began[0] if began else None,
        review=desk.review(receipt.request_id, receipt.piece),
        mail_asked=OutcomeMail.objects.filter(
            pk=receipt.request_id, piece__in=("", receipt.piece)
        ).exists(),
    )


def _is_of_another(outcome: Outcome, receipt: Receipt) -> bool:
    """Whether *outcome* is of another content than *receipt*'s, edits of staff included."""
    if outcome.fingerprint.startswith(receipt.piece):
        return False
    repairs = Repair.objects.filter(
        request_id=receipt.request_id, became=outcome.fingerprint
    )
    return not repairs.filter(asked__startswith=receipt.piece).exists()


def _is_stuck(latest: Attempt | None, review: UnderReview | None) -> bool:
    """Whether it waits for staff, at the desk or still in a DLQ."""
    if review is not None:
        if review.sent_again_at is None:
            return True
        if latest is not None and latest.started_at < review.sent_again_at:
            return False  # that failure was before staff redrove it
    if latest is None:
        return False
    return latest.permanent or latest.receive_count >= settings.SQS_MAX_RECEIVE_COUNT


def _reason(outcome: Outcome, latest: Attempt | None) -> str:
    """The text of staff for the sender, else the sentence of a permanent error.

    Texts of other errors are for staff, and may hold anything.
    """
    if outcome.message_for_sender:
        return outcome.message_for_sender
    return latest.error_text if latest is not None and latest.permanent else ""
