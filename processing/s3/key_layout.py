"""The layout of an archive's keys, the setting ARCHIVE_KEY, and the keys that it makes.

Imports nothing of ours, and does no input or output.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from string import Formatter
from urllib.parse import quote

PLACEHOLDERS = ("message_id", "queue", "date")
LONGEST_KEY = 1024  # bytes, of S3
LONGEST_PART = 200  # characters of one escaped value
_LITERAL = re.compile(r"[A-Za-z0-9_.=/-]*")


def key(layout: str, *, message_id: str, queue: str, sent_at: datetime) -> str:
    """The key of one message. The same for the same message; of another, another.

    SQS gives each message an id of its own, whatever the queue.
    """
    return layout.format(
        message_id=escaped(message_id),
        queue=escaped(queue),
        date=f"{sent_at.astimezone(UTC):%Y-%m-%d}",
    )


def escaped(value: str) -> str:
    """*value* as a part of a key: percent-encoded, and no part that leads elsewhere."""
    safe = quote(value, safe="")
    if not safe.strip("."):  # nothing, or as in ../
        safe = safe.replace(".", "%2E") or "%00"
    if len(safe) > LONGEST_PART:
        return "sha256-" + hashlib.sha256(value.encode()).hexdigest()
    return safe


def problem(layout: str) -> str:
    """What is wrong with *layout*, as a sentence; empty if nothing is."""
    return next(_problems(layout), "")


def _problems(layout: str) -> Iterator[str]:
    try:
        parts = list(Formatter().parse(layout))
    except ValueError:
        yield "A brace has no partner."
        return
    names = [name for _, name, _, _ in parts if name is not None]
    for name in names:
        if name not in PLACEHOLDERS:
            yield f"{{{name}}} is not known."
    if any(spec or conversion for _, _, spec, conversion in parts):
        yield "A placeholder is its name in braces, with nothing behind it."
    if "message_id" not in names:
        yield "Without {message_id}, one message would overwrite another."
    if not all(_LITERAL.fullmatch(text) for text, *_ in parts):
        yield "Outside of the placeholders only A-Z a-z 0-9 _ . = / - are allowed."
    if {"", ".", ".."} & {*layout.split("/")}:
        yield "It begins or ends with a slash, or a part between two slashes is empty, . or .."
    if len(layout.format(**dict.fromkeys(names, "x" * LONGEST_PART))) > LONGEST_KEY:
        yield f"Its keys could exceed S3's limit of {LONGEST_KEY} bytes."
