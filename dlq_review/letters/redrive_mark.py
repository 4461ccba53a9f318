"""The message attribute `redrive`, which names the letter and the redrive."""

from typing import Any

from processing.delivery.attempts import storable
from processing.events.attributes import REDRIVE, Attributes
from processing.sqs.message import Message


def redrive_of(message: Message) -> str:
    """The redrive id of *message*, if we sent it."""
    return id_in(message.attributes.get("redrive", ""))


def id_in(redrive: str) -> str:
    """The redrive id in the attribute *redrive*."""
    return text_in(_redrive(redrive), "redrive_id")


def redriven_from(message: Message) -> int:
    """The number of the dead letter *message* was redriven from; 0 for none."""
    return letter_in(message.attributes.get("redrive", ""))


def letter_in(redrive: str) -> int:
    """The number of the dead letter in the attribute *redrive*; 0 for none."""
    number = _redrive(redrive).get("dead_letter")
    return number if type(number) is int and 0 < number < 2**63 else 0


def _redrive(text: str) -> dict[str, Any]:
    return Attributes({REDRIVE: text}).content_of(REDRIVE)


def text_in(attribute: dict[str, Any], name: str) -> str:
    value = attribute.get(name)
    return storable(value) if isinstance(value, str) else ""
