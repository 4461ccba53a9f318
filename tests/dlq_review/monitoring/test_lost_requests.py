"""`manage.py lost_requests` compares the log of the web processes with the rows."""

from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from dlq_review.monitoring import accepted
from intake.accept import accept
from processing.delivery import processor, spool
from processing.delivery.json_lines import JSONFormatter
from tests.builders import dead_letter, failed_attempt, order_created

pytestmark = pytest.mark.django_db

LINE = (
    "time=2026-11-26 22:00:00 level=INFO logger=intake.accept"
    " request_id={} correlation_id=c-1 type=order_created {}\n"
)


def run(*logs: Path | str) -> tuple[str, str]:
    """What it prints, and its verdict."""
    out, told = StringIO(), StringIO()
    with suppress(SystemExit):
        call_command("lost_requests", *map(str, logs), stdout=out, stderr=told)
    return out.getvalue(), told.getvalue()


def test_requests_without_a_row_are_printed_each_once(
    sqs: None, tmp_path: Path
) -> None:
    done, waiting, dead, failed, lost = [order_created() for _ in range(5)]
    processor.process(done)
    spool.add(waiting, "Timeout")
    dead_letter(dead)
    failed_attempt(failed)
    log = tmp_path / "web.log"
    lines = [LINE.format(one.id, "accepted") for one in (done, waiting, dead, failed)]
    refused = LINE.format("r-refused", "not_accepted=Timeout spool=OperationalError")
    twice = 2 * LINE.format(lost.id, "accepted")
    log.write_text("Starting gunicorn 27\n" + "".join(lines) + refused + twice)
    printed, verdict = run(log)
    assert printed == f"{lost.id}\n"
    assert verdict.startswith("1 of 5 accepted requests have no row.")
    processor.process(lost)
    printed, verdict = run(log)
    assert printed == ""
    assert verdict.startswith("Each of 5 accepted requests has a row.")


def test_it_exits_with_1_if_it_prints_any(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("r-1")
    with pytest.raises(SystemExit) as left:
        call_command("lost_requests", str(tmp_path / "ids"), stdout=StringIO())
    assert left.value.code == 1
    dead_letter(order_created(id="r-1"))
    call_command("lost_requests", str(tmp_path / "ids"), stdout=StringIO())


def test_a_list_of_request_ids_will_do_and_may_be_long(tmp_path: Path) -> None:
    ids = [f"r-{number:04}" for number in range(accepted.SET + 1)]
    listed = tmp_path / "ids"
    listed.write_text("\n".join(ids))
    assert run(listed)[0].split() == ids


def test_logs_that_cannot_be_used_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="absent cannot be read: No such file"):
        run(tmp_path / "absent")
    with pytest.raises(CommandError, match="cannot be read: Is a directory"):
        run(tmp_path)
    empty = tmp_path / "worker.log"
    empty.write_text(LINE.format("r-1", "processed"))
    with pytest.raises(CommandError, match="Give the logs of the web processes"):
        run(empty)


def test_a_database_that_is_away_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(ids: object) -> list[str]:
        raise DatabaseError("secret host name")

    monkeypatch.setattr(accepted, "without_a_row", away)
    (tmp_path / "ids").write_text("r-1")
    with pytest.raises(CommandError, match=r"does not answer \(DatabaseError\)"):
        run(tmp_path / "ids")


def test_the_lines_that_are_written_now_are_read_in_both_formats(
    sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    event = order_created()
    accept(event)
    (record,) = (one for one in caplog.records if one.name == "intake.accept")
    written = [record.getMessage(), JSONFormatter().format(record)]
    assert list(accepted.request_ids(written)) == [event.id, event.id]
