"""An export that an error ends says so in the file, because the file has begun."""

import csv
import json
from typing import Any

import pytest
from django.db import OperationalError, connection

from dlq_review.models import DeadLetter
from dlq_review.search import export
from tests.builders import dead_letter, signup_requested

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> DeadLetter:
    """Two letters, of which one step reads one; the first is returned."""
    monkeypatch.setattr(export, "STEP", 1)
    first = dead_letter()
    dead_letter()
    return first


def cut_off_after_a_row(format: str) -> list[str]:
    """The lines of an export whose database goes away after the first letter."""
    letters = DeadLetter.objects.all()
    lines = export.FORMATS[format][1](letters, masked=False)
    found = [next(lines) for _ in range(2 if format == "csv" else 1)]

    def fail(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(fail):
        return [*found, *lines]


def test_the_last_row_of_csv_tells_that_it_is_cut_off(
    two_steps: DeadLetter, caplog: pytest.LogCaptureFixture
) -> None:
    _, row, last = csv.reader(cut_off_after_a_row("csv"))
    assert row[0] == str(two_steps.pk)
    assert last == [export.INCOMPLETE]
    assert caplog.messages == ["export=cut_off"]


def test_the_last_object_of_json_lines_tells_that_it_is_cut_off(
    two_steps: DeadLetter, caplog: pytest.LogCaptureFixture
) -> None:
    row, last = map(json.loads, cut_off_after_a_row("jsonl"))
    assert row["id"] == two_steps.pk
    assert last == {"incomplete": export.INCOMPLETE}
    assert caplog.messages == ["export=cut_off"]


def test_a_whole_export_has_no_such_line_and_each_letter_once(
    two_steps: DeadLetter,
) -> None:
    for kind, write in export.FORMATS.values():
        lines = [*write(DeadLetter.objects.order_by("-pk"), masked=False)]
        assert export.INCOMPLETE not in "".join(lines), kind
        ids = [str(two_steps.pk), str(two_steps.pk + 1)]
        shown = lines[1:] if kind.startswith("text/csv") else lines
        assert [one in line for one, line in zip(ids, shown, strict=True)] == [True] * 2


def test_a_time_is_written_as_iso_has_it_and_a_letter_as_it_is() -> None:
    letter = dead_letter(signup_requested(name="Jürgen"))
    (line,) = export.as_jsonl(DeadLetter.objects.all(), masked=False)
    assert json.loads(line)["sent_at"] == letter.sent_at.isoformat()
    assert "Jürgen" in line
