"""Dead letters of many kinds and states, for the database to copy: really pulled ones."""

import json
import random
from datetime import datetime, timedelta

from django.utils import timezone

from benchmarks.backlog import orders
from dlq_review.models import DeadLetter
from dlq_review.pull import new_letters
from processing.events.contracts import EmailRequested, SignupRequested
from processing.events.envelope import Event
from processing.models import Attempt, Outcome, UnderReview
from processing.sqs.message import Message
from processing.sqs.topology import EVENT_QUEUES, QUEUES

TEMPLATES = 1_000
GROUPS = 200
#: In percent. CLAIMED is a matter of seconds, so it is rare.
_STATES = (
    *("open",) * 60,
    *("quarantined",) * 3,
    "claimed",
    *("redriven",) * 4,
    *("resolved",) * 27,
    *("discarded",) * 5,
)


def pull_templates() -> None:
    chance = random.Random(7)  # noqa: S311 - the same every time
    now = timezone.now()
    for start in range(0, TEMPLATES, 10):
        numbers = range(start, start + 10)
        new_letters.begin_new([_message(number, chance, now) for number in numbers])
    for letter in DeadLetter.objects.order_by("pk"):
        state = _STATES[chance.randrange(100)]
        if letter.state == "quarantined":
            state = "quarantined"
        letter.state = state
        letter.redrives = int(state in ("redriven", "resolved"))
        letter.redriven_at = letter.last_failed_at if letter.redrives else None
        letter.save()
        if state == "resolved":
            Outcome.objects.create(
                request_id=letter.request_id,
                kind=Outcome.Kind.PROCESSED,
                type=letter.type,
                fingerprint=letter.body_fingerprint,
                correlation_id=letter.correlation_id,
            )
        if state not in DeadLetter.WAITING:
            UnderReview.objects.filter(request_id=letter.request_id).delete()


def _message(number: int, chance: random.Random, now: datetime) -> Message:
    """One of 200 failures, the first of them often and the last of them seldom."""
    kind = int(GROUPS * chance.random() ** 3)
    event = _event(number, EVENT_QUEUES[kind % len(EVENT_QUEUES)])
    failed_at = now - timedelta(seconds=chance.randrange(1, 1200))
    attempt = _attempt(event, kind, failed_at)
    reason = {
        "error_type": attempt.error_type,
        "error_text": attempt.error_text,
        "failed_at": failed_at.isoformat(),
        "request_id": event.id,
    }
    broken = kind % 50 == 49
    return Message(
        queue=QUEUES[event.queue].dlq,
        id=event.id,
        body=event.body[:-1] if broken else event.body,
        receipt_handle="",
        receive_count=4,
        sent_at=failed_at,
        attributes={"correlation_id": event.id, "failure": json.dumps(reason)},
    )


def _attempt(event: Event, kind: int, failed_at: datetime) -> Attempt:
    return Attempt.objects.create(
        request_id=event.id,
        queue=event.queue,
        message_id=event.id,
        receive_count=3,
        type=event.type,
        permanent=False,
        error_type=f"{_name(kind // 5)}Error",
        error_text=f"The {_name(kind)} of {event.data.reference} is not known.",
        traceback=f'File "processing/handlers/orders.py", line {kind}\n' * 8,
        place=f"processing/{event.queue}.py:step_{kind}",
        started_at=failed_at,
        duration_ms=12,
        worker="bench",
        release=f"r{kind % 3}",
    )


def _event(number: int, queue: str) -> Event:
    if queue == "orders":
        return orders(1)[0]
    address = f"{_name(number)}@example.com"
    if queue == "signups":
        return Event.new(SignupRequested(email=address, name=_name(number)))
    text = f"Dear {_name(number)}, {' '.join(map(_name, range(number, number + 20)))}"
    return Event.new(EmailRequested(recipient=address, subject="Hello", body=text))


def _name(number: int) -> str:
    """A word without a digit, so that it tells errors apart."""
    letters = "BDFGKLMNPRST"
    return "".join(
        letters[number // len(letters) ** digit % len(letters)] + vowel
        for digit, vowel in enumerate("aio")
    )
