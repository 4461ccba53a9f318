"""A hundred redrives by set statements; if a set fails, each letter alone."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dlq_review.letters import transitions
from dlq_review.letters.transitions import Move
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.redrive import claims, sender
from dlq_review.redrive.terms import NotSentError, Redrive, Terms
from processing.models import UnderReview
from processing.sqs import queues
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.kept_counters import assert_counted

pytestmark = pytest.mark.django_db

COUNT = 12  # two calls to SQS
PLACES = [0, 5, COUNT - 1]


def some(count: int = COUNT) -> list[Redrive]:
    for number in range(count):
        told = failure(error_type=f"{'ABC'[number % 3]}Error")
        dead_letter(order_created(), attributes=told)
    return [Redrive(letter, 0) for letter in DeadLetter.objects.order_by("pk")]


def redrive(chosen: Sequence[Redrive]) -> list[Redrive]:
    return sender.redrive_many(chosen, Terms("ada", "fixed"))


def states() -> list[str]:
    return list(DeadLetter.objects.order_by("pk").values_list("state", flat=True))


def verbs(letter: DeadLetter) -> list[str]:
    return list(letter.audit.order_by("pk").values_list("verb", flat=True))


def received() -> set[int]:
    found: set[int] = set()
    while messages := queues.receive("orders"):
        found |= {
            json.loads(one.attributes["redrive"])["dead_letter"] for one in messages
        }
    return found


def test_many_are_redriven_by_as_many_statements_as_three(sqs: None) -> None:
    chosen = some(3 + 30)
    counts = []
    for part in (chosen[:3], chosen[3:]):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            redrive(part)
        counts.append(len(captured))
    few, many = counts
    assert many == few <= 30
    assert set(states()) == {"redriven"}


def test_each_of_a_set_is_recorded_as_if_it_were_alone(sqs: None) -> None:
    done = redrive(some())
    assert [one.error for one in done] == [None] * COUNT
    assert len({one.letter.redrive_id for one in done}) == COUNT
    assert received() == {one.letter.pk for one in done}
    for one in done:
        stored = DeadLetter.objects.get(pk=one.letter.pk)
        fields = ("state", "redrives", "redrive_id", "redriven_at", "claimed_at")
        for name in fields:
            assert getattr(stored, name) == getattr(one.letter, name), name
        assert (stored.state, stored.redrives) == ("redriven", 1)
        assert verbs(stored) == ["pulled", "claimed", "sent"]
    told = AuditEntry.objects.filter(verb="claimed").values_list("actor", "reason")
    assert set(told) == {("ada", "fixed")}
    assert UnderReview.objects.exclude(sent_again_at=None).count() == COUNT
    assert_counted()


@pytest.mark.parametrize("place", PLACES)
def test_a_poison_letter_anywhere_in_a_set_is_named_and_the_others_are_sent(
    sqs: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    place: int,
) -> None:
    chosen = some()
    poison = chosen[place].letter
    check = claims._check

    def fail_for_poison(one: Redrive, *more: Any) -> Any:
        if one.letter.pk == poison.pk:
            raise RuntimeError("disk")
        return check(one, *more)

    monkeypatch.setattr(claims, "_check", fail_for_poison)
    done = redrive(chosen)
    (failed,) = [one for one in done if one.error]
    assert failed.letter.pk == poison.pk
    assert "RuntimeError" in str(failed.error)
    assert f"letter={poison.pk} failed=RuntimeError" in caplog.text
    assert states().count("redriven") == COUNT - 1
    assert verbs(poison) == ["pulled"]
    assert received() == {one.letter.pk for one in chosen} - {poison.pk}
    assert_counted()


@pytest.mark.parametrize("place", PLACES)
def test_one_that_cannot_be_recorded_stays_claimed_and_the_others_are_recorded(
    sqs: None, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    chosen = some()
    poison = chosen[place].letter
    write = transitions._write_trail

    def fail_for_poison(going: Sequence[Move]) -> None:
        if any(one.letter.pk == poison.pk and one.verb == "sent" for one in going):
            raise RuntimeError("disk")
        write(going)

    with monkeypatch.context() as patch:
        patch.setattr(transitions, "_write_trail", fail_for_poison)
        done = redrive(chosen)
    assert [one.error for one in done] == [None] * COUNT
    assert states().count("redriven") == COUNT - 1
    assert DeadLetter.objects.get(state="claimed").pk == poison.pk
    DeadLetter.objects.update(claimed_at=timezone.now() - timedelta(minutes=5))
    assert sender.resend_claimed() == 1
    assert set(states()) == {"redriven"}
    assert_counted()


def test_of_a_batch_that_sqs_takes_in_part_each_letter_gets_its_own_answer(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = some()
    send = queues.sender().send_message_batch

    def refuse_every_third(**call: Any) -> Any:
        refused, taken = call["Entries"][::3], call["Entries"][:]
        for entry in refused:
            taken.remove(entry)
        answer = send(**{**call, "Entries": taken})
        failed = [{"Id": one["Id"], "Code": "InternalError"} for one in refused]
        return {**answer, "Failed": failed}

    monkeypatch.setattr(
        queues.sender(), "send_message_batch", refuse_every_third, raising=False
    )
    done = redrive(chosen)
    not_sent = [one.letter.pk for one in done if one.error]
    assert not_sent == [one.letter.pk for one in chosen[:10:3] + chosen[10::3]]
    assert all(isinstance(one.error, NotSentError | None) for one in done)
    for one in done:
        expected = "not_sent" if one.error else "sent"
        assert verbs(one.letter) == ["pulled", "claimed", expected]
        assert one.letter.state == ("open" if one.error else "redriven")
    assert states() == [one.letter.state for one in done]
    assert received() == {one.letter.pk for one in done} - set(not_sent)
    assert_counted()


def test_a_letter_twice_in_a_set_is_sent_once(sqs: None) -> None:
    one = some(1)[0]
    again = Redrive(DeadLetter.objects.get(), 0)
    first, second = redrive([one, again])
    assert first.error is None
    assert "in the meantime" in str(second.error)
    assert received() == {one.letter.pk}


def test_large_bodies_make_small_sets(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    take_all = claims.take_all

    def measured(chosen: Sequence[Redrive], terms: Terms) -> Any:
        sizes.append(len(chosen))
        return take_all(chosen, terms)

    monkeypatch.setattr(claims, "take_all", measured)
    monkeypatch.setattr(sender, "ROOM", 1000)  # characters: two or three orders
    monkeypatch.setattr(sender, "SET", 5)
    redrive(some())
    assert sum(sizes) == COUNT
    assert 1 < max(sizes) < 5


def test_a_set_that_fails_at_its_end_is_tried_again_as_it_was(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    note = claims._note_edits

    def fail_for_many(letters: Iterable[DeadLetter]) -> None:
        claimed = list(letters)
        if len(claimed) > 1:
            raise RuntimeError("disk")
        note(claimed)

    monkeypatch.setattr(claims, "_note_edits", fail_for_many)
    done = redrive(some())
    assert [one.error for one in done] == [None] * COUNT
    assert {tuple(verbs(one.letter)) for one in done} == {("pulled", "claimed", "sent")}
    assert f"letters={COUNT} at_once=0 reason=RuntimeError" in caplog.messages
    assert_counted()
