"""What the row of a group keeps: its texts, its times, and who is told of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from dlq_review.groups import (
    counter_drift,
    counters,
    handover,
    last_look,
    merge,
    triage,
)
from dlq_review.groups.fingerprint import Failure
from dlq_review.groups.plain_words import plain_words
from dlq_review.groups.triage import newest_entries, newest_entry
from dlq_review.letters import revisions, settlement
from dlq_review.models import DeadLetter, FailureGroup
from processing.models import User
from tests.builders import (
    dead_letter,
    failure,
    redrive_now,
    signup_requested,
)
from tests.dlq_review.groups.test_handover import colleague, mails, now

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failed(error: str = "AError", text: str = "No.", **told: str) -> DeadLetter:
    return dead_letter(attributes=failure(error_type=error, error_text=text, **told))


def fresh(group: FailureGroup) -> FailureGroup:
    return FailureGroup.objects.get(pk=group.pk)


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
    own, other = failed("AError", "No mail 1."), failed("BError", "No room.")
    merge.merge(other.group, own.group, by="ada", reason="")
    failed("BError", "No room at all.")
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


def test_a_note_is_kept_without_addresses_and_the_former_one_in_the_trail() -> None:
    group = failed().group
    for note in ("Ask bob@example.com.", "Done."):
        triage.annotate(group, note, by="ada")
    assert fresh(group).note == "Done."
    reasons = group.audit.order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["Note was: empty", "Note was: Ask b…@example.com."]


def test_the_newest_entry_is_that_of_the_group_and_of_the_person() -> None:
    group, other = failed("AError").group, failed("BError").group
    assert (newest_entry(group), newest_entries([group])) == (0, {})
    for who in ("ada", "bob"):
        triage.annotate(group, who, by=who)
    last, first = group.audit.order_by("-pk").values_list("pk", flat=True)
    triage.annotate(other, "x", by="ada")
    assert (newest_entry(group), newest_entry(group, by="ada")) == (last, first)
    assert newest_entry(group, by="eve") == 0
    assert newest_entries([group]) == {group.pk: last}
    assert newest_entries([group, other]).keys() == {group.pk, other.pk}


def test_a_mail_about_a_group_has_a_subject_however_long_the_names_are() -> None:
    group, by = failed().group, "a" * 150
    assert handover.give(group, colleague("eva", "view"), "", by=by)
    (mail,) = mails()
    assert mail.subject == f"Holdfast: {by}"[:100]
    assert (mail.body or "").startswith(f"{by} gave you a failure group: AError in ")


def test_an_owner_without_an_address_is_not_told_and_nobody_says_so() -> None:
    group = failed().group
    colleague("eva", "view", email="")
    triage.acknowledge(group, by="eva")
    assert handover.owner_to_tell(fresh(group)) is None
    assert handover.take_over(group, "You left.", by="ada") is False
    assert (now(group), mails()) == (("ada", "acknowledged"), [])
    zoe = colleague("zoe", "view")
    triage.acknowledge(failed("BError").group, by="zoe")
    other = FailureGroup.objects.get(error_type="BError")
    assert handover.owner_to_tell(other) == zoe


def test_a_look_lasts_until_a_later_one_and_never_into_the_future() -> None:
    ada, eve = (User.objects.create(username=name) for name in ("ada", "eve"))
    assert last_look.last_look(ada) is None
    at = timezone.now() - HOUR
    for until in (at, at - HOUR, at):
        last_look.look(ada, until)
        assert last_look.last_look(ada) == at
    assert last_look.last_look(eve) is None
    last_look.look(ada, at + HOUR / 2)
    assert last_look.last_look(ada) == at + HOUR / 2
    for person in (ada, eve):
        last_look.look(person, timezone.now() + HOUR)
        seen = last_look.last_look(person)
        assert seen is not None
        assert seen <= timezone.now()


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
