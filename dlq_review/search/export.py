"""A selection of dead letters as JSON Lines or CSV, row by row, whatever its size."""

import csv
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import DatabaseError
from django.db.models import F, QuerySet

from dlq_review.models import DeadLetter, Revision
from processing.events.masking import mask_body, mask_reference
from processing.events.veil import Veil

logger = logging.getLogger(__name__)
COLUMNS = (
    "id",
    "request_id",
    "state",
    "queue",
    "type",
    "reference",
    "error_type",
    "error_text",
    "attempts",
    "redrives",
    "release",
    "sent_at",
    "first_failed_at",
    "last_failed_at",
)
STEP = 500  # rows read at once
INCOMPLETE = "This export is not complete: an error ended it. Export again."
_FORMULA = re.compile(r"[\t\r]|[\s\ufeff]*[=+\-@]")  # blanks before it are skipped


class _Echo:
    """The file for the csv writer: `write` returns the line."""

    def write(self, line: str) -> str:
        return line


def as_csv(letters: QuerySet[DeadLetter], *, masked: bool) -> Iterator[str]:
    """Rows of CSV. An apostrophe stops spreadsheets from running a cell as a formula."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    try:
        for row in _rows(letters, masked=masked):
            yield writer.writerow(_harmless(row[name]) for name in COLUMNS)
    except DatabaseError:  # the file has begun, so nothing else can tell who has it
        logger.exception("export=cut_off")
        yield writer.writerow([INCOMPLETE])


def as_jsonl(letters: QuerySet[DeadLetter], *, masked: bool) -> Iterator[str]:
    """One object a line, with the current revision's body."""
    try:
        for row in _rows(letters, masked=masked, with_body=True):
            yield json.dumps(row, ensure_ascii=False) + "\n"
    except DatabaseError:
        logger.exception("export=cut_off")
        yield json.dumps({"incomplete": INCOMPLETE}) + "\n"


FORMATS: dict[str, tuple[str, Callable[..., Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/x-ndjson; charset=utf-8", as_jsonl),
}


def _rows(
    letters: QuerySet[DeadLetter], *, masked: bool, with_body: bool = False
) -> Iterator[dict[str, Any]]:
    last = 0
    while batch := list(letters.filter(pk__gt=last).order_by("pk")[:STEP]):
        last = batch[-1].pk
        bodies = _bodies(batch) if with_body else {}
        for letter in batch:
            row = {name: _plain(getattr(letter, name)) for name in COLUMNS}
            if with_body:
                row["body"] = bodies[letter.pk]
            if masked:
                row |= _veiled(row)
            yield row


def _veiled(row: dict[str, Any]) -> dict[str, Any]:
    """The error text of a letter was masked by its body when it was pulled."""
    body = row.get("body", "")
    found = {
        "reference": mask_reference(row["reference"]),
        "error_text": Veil(body).error(row["error_text"]),
    }
    return found | ({"body": mask_body(body)} if body else {})


def _bodies(letters: Iterable[DeadLetter]) -> dict[int, str]:
    current = Revision.objects.filter(
        letter__in=list(letters), number=F("letter__revision")
    )
    return dict(current.values_list("letter_id", "body"))


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str) else value.isoformat()


def _harmless(value: Any) -> Any:
    text = value if isinstance(value, str) else str(value)
    return f"'{text}" if _FORMULA.match(text) else text
