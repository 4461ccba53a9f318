"""Spooled events that SQS refuses for good become dead letters, which staff can repair.

Crash order: store the dead letter and delete the spool row in one transaction. Each has its
own, so a row that cannot be stored never holds up its neighbours. A second content under
one request id is another arrival of the same dead letter.
"""

import hashlib
import json
import logging

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from dlq_review.letters import current_event
from dlq_review.pull.arrivals import join
from processing.events import contracts, envelope
from processing.models import SpooledEvent
from processing.sqs.message import Message
from processing.sqs.topology import EVENT_QUEUES, QUEUES
from processing.tracing.context import Trace

logger = logging.getLogger(__name__)


# Nobody raises it: a dead letter that came out of the spool (a row with `refused_for_good`)
# carries its name as the error type and its sentence as the error text.
class RefusedBySQSError(Exception):
    """SQS will not take this event as it is, however often it is sent. Edit it, then redrive it."""


def adopt(limit: int = 100) -> int:
    """Make dead letters of the oldest *limit*; return how many. Raises SoftTimeLimitExceeded."""
    refused = SpooledEvent.objects.filter(refused_for_good=True)
    return sum(
        _adopt(row) for row in list(refused.values_list("pk", flat=True)[:limit])
    )


def _adopt(request_id: str) -> bool:
    try:
        with transaction.atomic():
            rows = SpooledEvent.objects.select_for_update(skip_locked=True)
            row = rows.filter(pk=request_id).first()
            if row is None:  # another process has it
                return False
            join(_message(row))
            row.delete()
    except SoftTimeLimitExceeded:  # no fault of the row; the job has to end
        raise
    except Exception as error:  # of any kind: the row stays in the spool
        logger.exception(
            "request_id=%s not_adopted=%s", request_id, type(error).__name__
        )
        return False
    return True


def _message(row: SpooledEvent) -> Message:
    """*row* as a message of its queue's DLQ, with the reason as a worker would send it."""
    identity = envelope.identify(row.body, fallback_id=row.request_id)
    contract = contracts.CONTRACTS.get(identity.type)
    trace = Trace.of_text(row.trace)
    failure = {
        "request_id": row.request_id,
        "error_type": RefusedBySQSError.__name__,
        "error_text": f"{RefusedBySQSError.__doc__} SQS said: {row.refusal}",
        "failed_at": timezone.now().isoformat(),
        "release": settings.RELEASE,
    }
    return Message(
        queue=QUEUES[contract.queue if contract else EVENT_QUEUES[0]].dlq,
        id=f"spool/{row.request_id}/{_content(row)[:16]}",
        body=row.body,
        receipt_handle="",
        receive_count=1,
        sent_at=row.created_at,
        attributes={
            "correlation_id": identity.correlation_id,
            "failure": json.dumps(failure),
            **(trace.attributes if trace else {}),
        },
    )


def _content(row: SpooledEvent) -> str:
    """A key that is equal for repetitions of one request only."""
    asked = current_event.fingerprint(row.body, row.request_id)
    return asked or hashlib.sha256(row.body.encode()).hexdigest()
