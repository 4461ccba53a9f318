"""Accepting an event.

Crash order: check the size -> SQS confirmed the event, else its spool row is committed ->
return, and only then is a receipt given. A crash before that leaves the sender without a
receipt; the retry brings the same request id, so a copy has no second effect.
Nothing here touches the database while SQS works.
"""

import logging
from typing import Any

from django.db import DatabaseError
from pydantic import ValidationError

from intake import request_ids
from processing import queues, spool
from processing.event_errors import InvalidEventError, problems_in
from processing.events import Contract, Event

logger = logging.getLogger(__name__)


class NotAcceptedError(Exception):
    """We could not store your request just now. Please send it again in a moment; sending it twice does no harm."""

    retry_after = 30  # seconds


class UnsendableError(ValueError):
    """The queue does not take this request as it stands. Remove unusual characters and send it again."""


def prepare(contract: type[Contract], asked: dict[str, Any], request_id: str) -> Event:
    """The event that *asked* is, with what its sender left to us filled in.

    Whatever is filled in follows from the request id: a retry that differed would be
    taken for another request. Raises InvalidEventError.
    """
    filled = {**request_ids.defaults(contract, request_id), **asked}
    try:
        return Event.new(contract.model_validate(filled), id=request_id)
    except ValidationError as error:
        raise InvalidEventError(problems_in(error)) from None


def accept(event: Event) -> None:
    """Store *event* durably; it is accepted when this returns.

    Raises TooLargeError, UnsendableError or NotAcceptedError, and then it may or may not
    be stored.
    """
    queues.check_size(event)
    try:
        queues.publish(event)
        logger.info("request_id=%s type=%s accepted=queued", event.id, event.type)
    except queues.SendError as refused:
        if refused.for_good:
            raise UnsendableError(UnsendableError.__doc__) from refused
        _hold(event, refused)


def _hold(event: Event, refused: queues.SendError) -> None:
    try:
        spool.hold(event, str(refused))
    except DatabaseError as away:
        logger.error(
            "request_id=%s type=%s not_accepted=%s spool=%s",
            event.id,
            event.type,
            refused,
            type(away).__name__,
        )
        raise NotAcceptedError(NotAcceptedError.__doc__) from away
