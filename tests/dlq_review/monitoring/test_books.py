import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone

from dlq_review import tasks
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.monitoring import books
from dlq_review.redrive import claims
from processing.delivery import processor, spool
from processing.models import Outcome, SpooledEvent
from processing.sqs import publisher, queues
from tests.builders import dead_letter, failed_attempt, order_created, redrive_now

pytestmark = pytest.mark.django_db

LATER = timedelta(hours=2)


def in_two_hours() -> books.Books:
    with time_machine.travel(timezone.now() + LATER):
        return books.close()


def test_everything_in_its_place_balances(sqs: None) -> None:
    waiting, done = order_created(), order_created()
    publisher.publish(waiting)
    processor.process(done)
    dead_letter()
    settlement.discard(dead_letter(), by="ada", reason="a test")
    closed = in_two_hours()
    assert closed.balanced
    assert closed.depths is not None
    assert closed.depths["orders"] == queues.Depth(visible=1, in_flight=0)
    assert closed.outcomes == {"processed": 1, "discarded": 1, "refused": 0}
    assert (closed.dead_letters["open"], closed.dead_letters["discarded"]) == (1, 1)


def test_a_redriven_letter_without_an_outcome_becomes_overdue(sqs: None) -> None:
    redrive_now(dead_letter(), by="ada")
    assert books.close().balanced
    assert list(in_two_hours().discrepancies.items()) == [
        ("redriven, and without an outcome for too long", 1)
    ]


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_nobody_sends_becomes_overdue(sqs: None) -> None:
    claims.claim(dead_letter(), by="ada", reason="")
    assert books.close().balanced
    assert "claimed for a redrive, and not sent for too long" in (
        in_two_hours().discrepancies
    )


def test_a_spool_that_nobody_relays_becomes_overdue(sqs: None) -> None:
    spool.add(order_created(), "ConnectTimeoutError")
    assert books.close().balanced
    assert in_two_hours().discrepancies == {"spooled for too long": 1}


def test_what_sqs_refuses_for_good_needs_somebody(sqs: None) -> None:
    spool.add(order_created(), "InvalidMessageContents")
    SpooledEvent.objects.update(refused_for_good=True)
    closed = books.close()
    assert closed.discrepancies == {"spooled, and refused by SQS for good": 1}
    assert (closed.spool.waiting, closed.spool.refused_for_good) == (0, 1)


def test_a_request_that_failed_and_vanished_is_unaccounted_for(sqs: None) -> None:
    lost, done, dead = order_created(), order_created(), order_created()
    for event in (lost, lost, done, dead):
        failed_attempt(event)
    processor.process(done)
    dead_letter(dead)
    assert books.close().balanced
    assert in_two_hours().discrepancies == {"failed, and not heard of for too long": 1}


def test_a_request_that_failed_again_lately_is_not_given_up(sqs: None) -> None:
    event = order_created()
    failed_attempt(event, started_at=timezone.now() - timedelta(days=1))
    failed_attempt(order_created())  # which tells nothing of the other request
    assert not books.close().balanced
    failed_attempt(event)
    assert books.close().balanced


def test_a_discarded_letter_without_its_tombstone_is_found(sqs: None) -> None:
    settlement.discard(dead_letter(), by="ada", reason="a test")
    Outcome.objects.all().delete()
    (sentence,) = books.close().discrepancies
    assert sentence.startswith("discarded without a tombstone")


@pytest.mark.usefixtures("no_sqs")
def test_queues_that_cannot_be_counted_do_not_balance() -> None:
    closed = books.close()
    assert closed.depths is None
    assert list(closed.discrepancies) == [
        "SQS does not answer, so its queues are not counted"
    ]
    call_command("books", stdout=(out := StringIO()))
    assert "NOT balance: 1 SQS does not answer" in " ".join(out.getvalue().split())


def test_the_command_prints_a_table_and_a_verdict(sqs: None) -> None:
    dead_letter()
    out = StringIO()
    call_command("books", "--strict", stdout=out)
    lines = out.getvalue().splitlines()
    assert any("orders-dlq" in line and "0 / 0" in line for line in lines)
    assert any("dead letters" in line and "open" in line for line in lines)
    assert lines[-1].startswith("The books balance")


def test_each_number_of_the_table_stands_beside_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = timezone.now().replace(2026, 11, 20, 10, 30, 15)
    closed = books.Books(
        at=now,
        depths={"orders": queues.Depth(11, 12)},
        spool=books.Spool(13, 14, now),
        outcomes={"processed": 15},
        dead_letters={"open": 16},
        discrepancies={},
        drifts=[],
    )
    monkeypatch.setattr(books, "close", lambda: closed)
    call_command("books", stdout=(out := StringIO()))
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in out.getvalue().splitlines()
        if "│" in line
    ]
    assert rows == [
        ["queue", "orders, visible / in flight", "11 / 12"],
        ["spool", "waiting, oldest 2026-11-20 10:30:15", "13"],
        ["spool", "refused for good", "14"],
        ["outcomes", "processed", "15"],
        ["dead letters", "open", "16"],
    ]


def test_a_group_that_counts_wrongly_is_named_and_mended(sqs: None) -> None:
    letter = dead_letter()
    FailureGroup.objects.update(waiting=-1)
    out, told = StringIO(), StringIO()
    call_command("books", stdout=out)
    assert f"group {letter.group_id}: waiting -1 instead of 1" in out.getvalue()
    assert "NOT balance: 1 failure groups that count" in out.getvalue()
    call_command("books", "--mend", "--strict", stdout=(out := StringIO()), stderr=told)
    assert "Mended group" in told.getvalue()
    assert "The books balance" in out.getvalue()
    assert FailureGroup.objects.get().waiting == 1


def test_beat_mends_what_drifted(caplog: pytest.LogCaptureFixture) -> None:
    group = dead_letter().group
    FailureGroup.objects.update(waiting=5)
    assert tasks.recount() == 1
    told = f"group {group.pk}: waiting 5 instead of 1"
    assert f"drift={told!r} mended=1" in caplog.messages
    assert FailureGroup.objects.get().waiting == 1
    assert tasks.recount() == 0


def test_only_strict_exits_with_an_error(sqs: None) -> None:
    redrive_now(dead_letter(), by="ada")
    DeadLetter.objects.update(redriven_at=timezone.now() - LATER)
    out = StringIO()
    call_command("books", stdout=out)
    assert "NOT balance: 1 redriven" in out.getvalue()
    with pytest.raises(SystemExit) as left:
        call_command("books", "--strict", "--json", stdout=(out := StringIO()))
    assert left.value.code == 1
    told = json.loads(out.getvalue())
    assert not told["balanced"]
    assert told["dead_letters"]["redriven"] == 1


def test_a_database_that_is_away_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> books.Books:
        raise DatabaseError("secret host name")

    monkeypatch.setattr(books, "close", away)
    with pytest.raises(CommandError, match="The database does not answer"):
        call_command("books")


def test_a_queue_that_is_gone_is_named_and_the_others_are_counted(sqs: None) -> None:
    publisher.publish(order_created())
    queues.client().delete_queue(QueueUrl=queues.url("signups"))
    closed = books.close()
    assert closed.depths is not None
    assert closed.depths["orders"].visible == 1
    assert list(closed.discrepancies.items()) == [
        ("queues that SQS refuses to count (signups: NonExistentQueue)", 1)
    ]
