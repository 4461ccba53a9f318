"""A redrive by one click can be undone until it is sent."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.errors import ChangedMeanwhileError
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.redrive import sender, undo_window
from dlq_review.redrive.terms import Redrive, Terms
from processing.delivery import processor
from processing.models import Order, UnderReview
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from tests.builders import dead_letter, message, order_created, redrive_now
from tests.crash import Crash
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import LIST, html, page
from tests.live import live_system, wait_for

pytestmark = pytest.mark.django_db


def soon(letter: DeadLetter) -> str:
    return undo_window.redrive_soon(Redrive(letter, letter.revision), Terms("ada"))


def held_letter() -> DeadLetter:
    letter = dead_letter()
    assert soon(letter) == "claimed"
    return letter


def let_it_be_due(letter: DeadLetter) -> None:
    letter.send_after = timezone.now() - timedelta(seconds=1)
    DeadLetter.objects.filter(pk=letter.pk).update(send_after=letter.send_after)


def test_it_is_sent_when_its_time_has_come_and_not_before(sqs: None) -> None:
    letter = held_letter()
    assert tasks.send_due() == 0
    assert queues.receive("orders") == []
    let_it_be_due(letter)
    assert tasks.send_due() == 1
    assert tasks.send_due() == 0
    letter.refresh_from_db()
    assert (letter.state, letter.redrives, letter.send_after) == ("redriven", 1, None)
    assert len(queues.receive("orders")) == 1


def test_undone_it_waits_as_before_and_is_never_sent(sqs: None) -> None:
    letter = held_letter()
    undo_window.undo(letter, by="bob")
    letter.refresh_from_db()
    assert (letter.state, letter.redrives, letter.send_after) == ("open", 0, None)
    entry = letter.audit.get(verb="undone")
    assert (entry.actor, entry.before, entry.after) == ("bob", "claimed", "open")
    assert UnderReview.objects.filter(request_id=letter.request_id).exists()
    assert tasks.settle() == 0
    assert queues.receive("orders") == []


def test_it_is_sent_at_once_where_the_setting_says_so(
    sqs: None, settings: Settings
) -> None:
    settings.REDRIVE_UNDO_SECONDS = 0
    letter = dead_letter()
    assert soon(letter) == "redriven"
    assert len(queues.receive("orders")) == 1


def test_what_is_processed_already_is_resolved_at_once_and_no_job_asked_for(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    asked: list[object] = []
    monkeypatch.setattr(publisher, "send_raw", lambda *sent, **_: asked.append(sent))
    assert (soon(letter), asked) == ("resolved", [])


def test_a_job_is_asked_for_that_comes_after_the_wait(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        publisher, "send_raw", lambda queue, body, delay: asked.append((queue, delay))
    )
    held_letter()
    assert asked == [("jobs", 6)]


def test_without_sqs_it_is_held_and_left_to_beat(
    no_sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        letter = held_letter()
    assert "beat will do it" in caplog.text
    let_it_be_due(letter)
    assert tasks.settle() == 0
    letter.refresh_from_db()
    assert letter.state == "open"


def test_beat_sends_what_no_job_came_for(sqs: None) -> None:
    let_it_be_due(held_letter())
    assert tasks.settle() == 1
    assert len(queues.receive("orders")) == 1


def test_what_is_held_is_not_taken_for_lost(sqs: None) -> None:
    letter = held_letter()
    long_ago = timezone.now() - timedelta(hours=1)
    DeadLetter.objects.update(claimed_at=long_ago)
    assert sender.resend_claimed() == 0
    letter.refresh_from_db()
    assert letter.undoable


def at_the_same_time(letter: DeadLetter) -> DeadLetter:
    """What another process saw of *letter*."""
    return DeadLetter.objects.get(pk=letter.pk)


def test_who_undoes_while_it_is_being_sent_comes_too_late(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = held_letter()
    let_it_be_due(letter)
    seen = at_the_same_time(letter)
    publish = publisher.publish_many

    def undo_meanwhile(*args: object) -> list[Sent]:
        with pytest.raises(undo_window.TooLateError):
            undo_window.undo(seen, by="bob")
        return publish(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(publisher, "publish_many", undo_meanwhile)
    assert undo_window.send_due() == 1
    letter.refresh_from_db()
    assert letter.state == "redriven"


def test_what_is_undone_while_a_sender_looks_is_not_sent(sqs: None) -> None:
    letter = held_letter()
    let_it_be_due(letter)
    seen = at_the_same_time(letter)
    undo_window.undo(letter, by="bob")
    assert not undo_window._begin_to_send(seen)


def test_what_was_undone_and_asked_for_again_is_another_redrive(sqs: None) -> None:
    letter = held_letter()
    let_it_be_due(letter)
    first, seen = at_the_same_time(letter), at_the_same_time(letter)
    undo_window.undo(letter, by="ada")
    soon(letter)
    assert not undo_window._begin_to_send(first)
    with pytest.raises(ChangedMeanwhileError):
        undo_window.undo(seen, by="bob")
    letter.refresh_from_db()
    assert letter.undoable


def test_the_second_of_two_who_undo_is_told_that_nothing_is_left(sqs: None) -> None:
    letter = held_letter()
    seen = at_the_same_time(letter)
    undo_window.undo(letter, by="ada")
    with pytest.raises(undo_window.NothingToUndoError):
        undo_window.undo(seen, by="bob")
    assert letter.audit.filter(verb="undone").count() == 1


def test_of_two_senders_one_sends(sqs: None) -> None:
    letter = held_letter()
    let_it_be_due(letter)
    seen = at_the_same_time(letter)
    assert undo_window._begin_to_send(letter)
    assert not undo_window._begin_to_send(seen)


def test_a_crash_while_it_is_being_sent_leaves_it_to_the_resend(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = held_letter()
    let_it_be_due(letter)

    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(publisher, "publish_many", die)
        with pytest.raises(Crash):
            undo_window.send_due()
    letter.refresh_from_db()
    assert (letter.state, letter.undoable) == ("claimed", False)
    with pytest.raises(undo_window.TooLateError):
        undo_window.undo(letter, by="ada")
    assert undo_window.send_due() == 0
    DeadLetter.objects.update(claimed_at=timezone.now() - timedelta(minutes=2))
    assert sender.resend_claimed() == 1


def discarded(letter: DeadLetter) -> None:
    settlement.discard(letter, by="ada", reason="x")


def sent(letter: DeadLetter) -> None:
    redrive_now(letter, by="ada")


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (lambda letter: None, "there is nothing to undo"),
        (discarded, "It is discarded, so no redrive of it is waiting"),
        (sent, "cannot be undone any more"),
    ],
)
def test_an_undo_that_comes_late_says_so(
    desk: Client, sqs: None, deed: Callable[[DeadLetter], None], said: str
) -> None:
    letter = dead_letter()
    deed(letter)
    answer = desk.post(page(letter, "undo"), follow=True)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    before = letter.state
    letter.refresh_from_db()
    assert letter.state == before


def test_staff_undo_on_the_page_of_the_letter(desk: Client, sqs: None) -> None:
    letter = dead_letter()
    text = desk.post(page(letter, "redrive"), follow=True).content.decode()
    assert "Being sent in a moment" in text
    assert 'data-key="u"' in text
    assert '<noscript><meta http-equiv="refresh"' in text
    text = desk.post(page(letter, "undo"), follow=True).content.decode()
    assert "was not sent" in text
    assert "data-awaits" not in text
    letter.refresh_from_db()
    assert letter.state == "open"


def test_staff_undo_in_the_list_and_keep_their_filters(desk: Client, sqs: None) -> None:
    letter = dead_letter(order_created(order_id="ORD-7"))
    back = f"{LIST}?state=open"
    desk.post(page(letter, "redrive"), {"next": back})
    assert "Undo the redrive of ORD-7" in html(desk, back)
    answer = desk.post(page(letter, "undo"), {"next": back})
    assert answer["Location"] == back
    assert "Undo the redrive" not in html(desk, back)


def test_an_undo_is_a_post_with_the_permission_to_redrive(
    client_of: ClientOf, sqs: None
) -> None:
    letter = held_letter()
    editor = client_of("view", "change", name="eve")
    assert editor.post(page(letter, "undo")).status_code == 403
    assert "Undo" not in html(editor, LIST).replace("undo a redrive", "")
    assert "permission to redrive" in html(editor, page(letter))
    redriver = client_of("view", "redrive")
    assert redriver.get(page(letter, "undo")).status_code == 405
    entries = AuditEntry.objects.count()
    assert redriver.post(page(letter, "undo")).status_code == 302
    assert AuditEntry.objects.count() == entries + 1


def test_a_redrive_that_could_not_be_sent_is_told_on_the_page(
    desk: Client, no_sqs: None
) -> None:
    letter = held_letter()
    let_it_be_due(letter)
    undo_window.send_due()
    assert "The last redrive was not sent:" in html(desk, page(letter))


@pytest.mark.parametrize(("seconds", "wrong"), [(-1, 1), (0, 0), (60, 0), (61, 1)])
def test_a_wait_that_cannot_be_meant_is_refused(
    settings: Settings, seconds: int, wrong: int
) -> None:
    settings.REDRIVE_UNDO_SECONDS = seconds
    assert [one.id for one in run_checks()].count("dlq_review.E001") == wrong


@pytest.mark.parametrize(
    ("seconds", "wrong"), [(-1, 1), (0, 1), (1, 0), (1_209_600, 0), (1_209_601, 1)]
)
def test_an_overdue_time_that_cannot_be_meant_is_refused(
    settings: Settings, seconds: int, wrong: int
) -> None:
    settings.REDRIVE_OVERDUE_SECONDS = seconds
    assert [one.id for one in run_checks()].count("dlq_review.E013") == wrong


@pytest.mark.siege
@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_a_worker_sends_it_by_its_job_without_beat(
    tmp_path: Path, settings: Settings
) -> None:
    settings.REDRIVE_UNDO_SECONDS = 1
    with live_system(tmp_path, settings) as system:
        system.start_worker()
        undone, letter = dead_letter(), dead_letter()
        soon(letter)
        soon(undone)
        undo_window.undo(undone, by="ada")
        wait_for(Order.objects.exists)
        wait_for(lambda: queues.depth("jobs") == queues.Depth(0, 0))
    assert Order.objects.get().request_id == letter.request_id
    letter.refresh_from_db()
    undone.refresh_from_db()
    assert (letter.state, undone.state) == ("redriven", "open")


@pytest.mark.siege
@pytest.mark.django_db(transaction=True)
def test_what_is_undone_while_it_is_sent_is_either_sent_or_undone(sqs: None) -> None:
    letters = [held_letter() for _ in range(40)]
    DeadLetter.objects.update(send_after=timezone.now())
    start = Barrier(3)

    def undo_all() -> None:
        seen = [at_the_same_time(letter) for letter in letters]
        start.wait()
        for letter in reversed(seen):
            with suppress(undo_window.TooLateError):
                undo_window.undo(letter, by="ada")
        connection.close()

    def send_all() -> None:
        start.wait()
        while undo_window.undoable().exists():
            undo_window.send_due()
        connection.close()

    with ThreadPoolExecutor() as pool:
        done = [pool.submit(work) for work in (undo_all, send_all, send_all)]
    assert [one.exception() for one in done] == [None] * 3
    sent: Counter[str] = Counter()
    while deliveries := queues.receive("orders"):
        sent.update(processor.identify(one).request_id for one in deliveries)
    states = dict(DeadLetter.objects.values_list("request_id", "state"))
    redriven = {one for one, state in states.items() if state == "redriven"}
    assert sent == Counter(redriven)
    assert set(states.values()) <= {"redriven", "open"}


def test_all_whose_time_is_over_in_one_moment_are_sent_each_once(sqs: None) -> None:
    letters = [held_letter() for _ in range(3)]
    undone = held_letter()
    undo_window.undo(undone, by="ada")
    over = timezone.now() - timedelta(seconds=1)
    DeadLetter.objects.filter(state="claimed").update(send_after=over)
    assert undo_window.send_due() == 3
    assert undo_window.send_due() == 0
    sent = {one.attributes["request_id"] for one in queues.receive("orders")}
    assert sent == {letter.request_id for letter in letters}
    undone.refresh_from_db()
    assert undone.state == "open"
