"""What the row of a group keeps: its texts, its times, and who is told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from dlq_review.groups import (
    counter_drift,
    counters,
    merge,
)
from dlq_review.groups.fingerprint import Failure
from dlq_review.groups.plain_words import plain_words
from dlq_review.letters import revisions, settlement
from dlq_review.letters.transitions import move
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from tests.builders import (
    dead_letter,
    failure,
    redrive_now,
    signup_requested,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failed(error: str = "AError", text: str = "No.", **told: str) -> DeadLetter:
    return dead_letter(attributes=failure(error_type=error, error_text=text, **told))


def fresh(group: FailureGroup) -> FailureGroup:
    return FailureGroup.objects.get(pk=group.pk)


def fresh_letter(letter: DeadLetter) -> DeadLetter:
    return DeadLetter.objects.get(pk=letter.pk)


def why(text: str, at: datetime, **parts: str) -> Failure:
    told = {
        "queue": "orders",
        "type": "order_created",
        "error_type": "ValueError",
        "place": "orders.py:create",
        "release": "r1",
        **parts,
    }
    return Failure(
        **told, error_text=text, unmasked_text=text, failed_at=at, deliveries=1
    )


def test_a_group_begins_with_the_first_of_the_failures_that_made_it() -> None:
    failures = [
        why("No 2.", NOON, release="r2"),
        why("No 1.", NOON - HOUR, release="r1"),
        why("No 3.", NOON + HOUR, release="r3"),
    ]
    (group,) = counters.groups_of(failures).values()
    assert (group.first_seen, group.last_seen) == (NOON - HOUR, NOON - HOUR)
    assert (group.release, group.sentence, group.template) == (
        *("r1", "No 1.", "No …"),
    )
    assert counters.groups_of(failures) == {failures[0].fingerprint: group}


def test_what_is_longer_than_its_column_is_cut() -> None:
    long = "x" * 300
    group = counters.group_of(why("No.", NOON, error_type=long, place=f"{long}.py:f"))
    assert (group.error_type, group.place) == (long[:200], long[:200])


@pytest.mark.parametrize(
    ("error_type", "place", "by_text"),
    [
        ("InvalidEventError", "contract.py:parse", True),
        ("ValueError", "", True),
        ("ValueError", "orders.py:create", False),
    ],
)
def test_a_failure_is_known_by_its_text_as_it_was_or_by_its_place(
    error_type: str, place: str, by_text: bool
) -> None:
    one = why("No room for •••.", NOON, error_type=error_type, place=place)
    quill, byron = (
        replace(one, unmasked_text=f"No room for {name}.")
        for name in ("Quill", "Byron")
    )
    assert (quill.fingerprint != byron.fingerprint) is by_text
    masked = replace(quill, error_text="No ••• for •••.")
    assert (masked.fingerprint == quill.fingerprint) is by_text


@pytest.mark.parametrize(
    ("error", "type", "said"),
    [
        ("KeyError", "order_created", "KeyError in order_created on orders"),
        ("a.b.KeyError", "order_created", "a.b.KeyError in order_created on orders"),
        ("Zoe Quill", "order_created", "an error in order_created on orders"),
        ("KeyError", "Zoe", "KeyError in a message on orders"),
        ("", "", "an error in a message on orders"),
    ],
)
def test_a_group_is_called_by_names_of_programs_alone(
    error: str, type: str, said: str
) -> None:
    group = FailureGroup(error_type=error, type=type, queue="orders")
    assert plain_words(group) == said


def test_the_sentence_of_a_group_learns_nothing_from_those_merged_into_it() -> None:
    own, other = failed("AError", "No mail 1."), failed("BError", "No room 1.")
    merge.merge(other.group, own.group, by="ada", reason="")
    assert failed("BError", "No room 2.").group == own.group
    assert fresh(own.group).sentence == "No mail 1."
    failed("AError", "No mail 2.")
    assert fresh(own.group).sentence == "No mail ‹…›."


def test_a_redrive_is_known_by_its_group_until_the_next(sqs: None) -> None:
    letters = [failed(), failed()]
    before = timezone.now()
    assert fresh(letters[0].group).last_redriven_at is None
    redrive_now(letters[0], by="ada")
    at = fresh(letters[0].group).last_redriven_at
    assert at is not None
    assert at >= before
    settlement.discard(letters[1], by="ada", reason="x")
    assert fresh(letters[0].group).last_redriven_at == at
    move(fresh_letter(letters[0]), "resolved", AuditEntry.Verb.RESOLVED)
    assert fresh(letters[0].group).last_redriven_at == at


def test_the_oldest_that_waits_is_known_whatever_is_done_to_the_others() -> None:
    letters = [failed() for _ in range(3)]
    for number, letter in enumerate(letters):
        DeadLetter.objects.filter(pk=letter.pk).update(sent_at=NOON + number * HOUR)
        letter.refresh_from_db()
    group = letters[0].group
    counters.find_oldest([group.pk])
    assert fresh(group).oldest_accepted == NOON
    settlement.discard(letters[0], by="ada", reason="x")
    assert fresh(group).oldest_accepted == NOON + HOUR
    FailureGroup.objects.update(oldest_accepted=NOON, waiting=9)
    assert len(counter_drift.mend()) == 1
    assert fresh(group).oldest_accepted == NOON + HOUR
    into = failed("BError").group
    DeadLetter.objects.filter(group=into).update(sent_at=NOON + 9 * HOUR)
    merge.merge(fresh(group), into, by="ada", reason="")
    assert fresh(into).oldest_accepted == NOON + HOUR
    assert fresh(group).oldest_accepted is None


def test_a_split_group_was_last_seen_when_its_own_letters_failed() -> None:
    own = failed("AError", failed_at=NOON.isoformat())
    into = failed("BError", failed_at=(NOON + HOUR).isoformat())
    merge.merge(own.group, into.group, by="ada", reason="the same")
    assert fresh(into.group).last_seen == NOON + HOUR
    failed("AError", failed_at=(NOON + 2 * HOUR).isoformat())
    assert fresh(into.group).last_seen == NOON + 2 * HOUR
    merge.split(fresh(own.group), by="bob", reason="not the same")
    assert fresh(own.group).last_seen == NOON + 2 * HOUR
    trails = {
        one.pk: list(one.audit.order_by("pk").values_list("verb", "actor", "after"))
        for one in (own.group, into.group)
    }
    names = {one.pk: f"{one.error_type} #{one.pk}" for one in (own.group, into.group)}
    assert trails == {
        own.group_id: [
            ("merged", "ada", f"into {names[into.group_id]}"),
            ("split", "bob", f"from {names[into.group_id]}"),
        ],
        into.group_id: [
            ("merged", "ada", names[own.group_id]),
            ("split", "bob", names[own.group_id]),
        ],
    }


def test_all_letters_are_brought_over_step_by_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merge, "STEP", 2)
    letters = [failed() for _ in range(5)]
    into = failed("BError").group
    merge.merge(letters[0].group, into, by="ada", reason="")
    assert (into.letters.count(), fresh(into).waiting) == (6, 6)
    merge.split(fresh(letters[0].group), by="ada", reason="")
    assert (into.letters.count(), fresh(into).waiting) == (1, 1)
    assert fresh(letters[0].group).waiting == 5


def test_a_name_is_taken_out_of_the_texts_of_all_groups_that_it_stood_in() -> None:
    event = signup_requested(name="Ada")
    told = failure(error_text="No room for Quill 7.")
    letter = dead_letter(event, queue="signups-dlq", attributes=told)
    group = letter.group
    assert ("Quill" in group.sentence, "Quill" in group.template) == (True, True)
    named = event.body.replace('"Ada"', '"Zoe Quill"')
    revisions.edit(letter, named, based_on=0, by="ada", reason="x")
    group = fresh(group)
    assert (group.sentence, group.template) == (
        "No room for ‹…› 7.",
        "No room for ••• …",
    )
