"""Whether a message is a redrive of ours.

Anybody who may send to a queue can write a `redrive` attribute, so it is believed only
where the triage desk finds what it sent in its own rows. The desk says so when Django
starts, because nothing here imports it; without a desk nothing is a redrive.
"""

from collections.abc import Callable

from processing.events import Event

#: Takes the attribute, the event, and the queue that brought both.
Witness = Callable[[str, Event, str], bool]


def _nobody(told: str, event: Event, queue: str) -> bool:
    return False


_witness: Witness = _nobody


def witnessed_by(witness: Witness) -> None:
    global _witness  # noqa: PLW0603 - set once, at start
    _witness = witness


def is_ours(told: str, event: Event, queue: str) -> bool:
    return bool(told) and _witness(told, event, queue)
