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
            name: text
            for name, text in attributes.get(letter.pk, {}).items()
            if _tells(name, text, letter)
        }
        known = {
            "hour": f"{letter.last_failed_at.astimezone(UTC):%Y-%m-%dT%H}",
            **({"release": letter.release} if letter.release else {}),
            **_worker(letter, workers),
            **({ATTRIBUTE: given} if given else {}),
        }
        found[letter.pk] = mask(known) if masked else known
    return found


def mask(known: dict[str, Any]) -> dict[str, Any]:
    """The circumstances of one letter as everybody may see them."""
    given = known.get(ATTRIBUTE, {})
    hidden = {name: mask_attribute(name, text) for name, text in given.items()}
    return {**known, ATTRIBUTE: hidden} if hidden else known


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


# Both sort here: to sort by the primary key, PostgreSQL would read the whole table.


def _workers(letters: Sequence[DeadLetter]) -> dict[tuple[str, str], str]:
    """The worker of the last failed attempt, by request id and queue."""
    requests = {letter.request_id for letter in letters}
    attempts = Attempt.objects.filter(request_id__in=requests).order_by()
    names = ("started_at", "pk", "request_id", "queue", "worker")
    rows = sorted(attempts.values_list(*names))
    return {(request, queue): worker for _, _, request, queue, worker in rows}


def _attributes(letters: Sequence[DeadLetter]) -> dict[int, dict[str, Any]]:
    """The attributes of the newest arrival of each letter."""
    arrivals = Arrival.objects.filter(
        letter__in=[letter.pk for letter in letters]
    ).order_by()
    rows = arrivals.values_list("pk", "letter_id", "attributes")
    in_order = sorted(rows, key=lambda row: row[0])
    return {letter: attributes for _, letter, attributes in in_order}
