"""What is known of a letter beside its body: hour, release, worker and attributes.

Conditions ask for it with an @: `@hour=2026-11-26T14`, `@release=r1`, `@worker=w1`,
`@attribute.customer=C-17`. The hour is that of the last failure, in UTC.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from dlq_review.models import Arrival, DeadLetter
from processing.events.attributes import FAILURE, REDRIVE
from processing.events.masking import mask_attribute, mask_reference
from processing.events.shapes import ATTRIBUTES
from processing.models import Attempt

ATTRIBUTE = "attribute"
NAMES = ("hour", "release", "worker", ATTRIBUTE)
_OURS = (FAILURE, REDRIVE, "traceparent", "correlation_id", "RequestId")
LONGEST = 254  # characters of an attribute; a longer one is no value to choose by


def circumstances(
    letters: Sequence[DeadLetter], *, masked: bool = True
) -> dict[int, dict[str, Any]]:
    """The circumstances of each of *letters*, by their numbers."""
    workers, attributes = _workers(letters), _attributes(letters)
    found: dict[int, dict[str, Any]] = {}
    for letter in letters:
        given = {
            name: mask_attribute(name, text) if masked else text
            for name, text in attributes.get(letter.pk, {}).items()
            if _tells(name, text, letter)
        }
        found[letter.pk] = {
            "hour": f"{letter.last_failed_at.astimezone(UTC):%Y-%m-%dT%H}",
            **({"release": letter.release} if letter.release else {}),
            **_worker(letter, workers),
            **({ATTRIBUTE: given} if given else {}),
        }
    return found


def is_public(steps: Sequence[object]) -> bool:
    """Whether everybody may ask for the circumstance at *steps*."""
    if not steps or steps[0] not in NAMES:
        return False
    if steps[0] != ATTRIBUTE:
        return True
    return len(steps) > 1 and ATTRIBUTES.at(steps[1:]).public


def _tells(name: str, text: object, letter: DeadLetter) -> bool:
    """Whether the attribute is more than a repetition of what stands in the row."""
    repeats = name == "type" and text == letter.type
    return name not in _OURS and not repeats and len(str(text)) <= LONGEST


def _worker(letter: DeadLetter, workers: dict[tuple[str, str], str]) -> dict[str, str]:
    worker = workers.get((letter.request_id, letter.queue))
    return {"worker": mask_reference(worker)} if worker else {}


def _workers(letters: Sequence[DeadLetter]) -> dict[tuple[str, str], str]:
    """The worker of the last failed attempt, by request id and queue."""
    requests = {letter.request_id for letter in letters}
    attempts = Attempt.objects.filter(request_id__in=requests)
    rows = attempts.order_by("started_at", "pk")
    return {
        (request, queue): worker
        for request, queue, worker in rows.values_list("request_id", "queue", "worker")
    }


def _attributes(letters: Sequence[DeadLetter]) -> dict[int, dict[str, Any]]:
    """The attributes of the newest arrival of each letter."""
    arrivals = Arrival.objects.filter(letter__in=letters).order_by("pk")
    return dict(arrivals.values_list("letter_id", "attributes"))
