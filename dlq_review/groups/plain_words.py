"""How a group is called outside of the desk, in alerts and mails."""

import re

from dlq_review.models import FailureGroup
from processing.events.contracts import CONTRACTS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def plain_words(group: FailureGroup) -> str:
    """Its error and type come from a message: only those that name no person are told."""
    error = error_named(group.error_type) or "an error"
    type = group.type if group.type in CONTRACTS else "a message"
    return f"{error} in {type} on {group.queue}"


def error_named(error_type: str) -> str:
    """The name of the error; empty if it is none, for it may say something of a person."""
    return error_type if _NAME.fullmatch(error_type) else ""
