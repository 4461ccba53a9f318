"""The kept counters after every verb, in any order, by hands that saw an older state."""

from collections.abc import Callable
from contextlib import suppress
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import NEW_FAILURE, REGRESSION
from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.groups import counter_drift, merge, triage
from dlq_review.letters import retention, revisions, settlement
from dlq_review.letters.transitions import move
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from dlq_review.redrive import claims, sender, terms
from processing.delivery import processor
from processing.events.envelope import Event
from processing.models import Outcome, UnderReview
from tests.builders import dead_letter, failure, order_created, redrive_now, redriven
from tests.dlq_review.kept_counters import assert_counted

pytestmark = pytest.mark.django_db
GROUPS = "/admin/dlq_review/failuregroup/"
ERRORS = ("AError", "BError", "CError")


def failed(error: str, body: Event | None = None, **attributes: str) -> DeadLetter:
    return dead_letter(body, attributes={**failure(error_type=error), **attributes})


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def test_who_discards_what_has_failed_otherwise_since_is_told() -> None:
    event = order_created()
    seen = failed("AError", event)
    failed("BError", event)
    with pytest.raises(ChangedMeanwhileError):
        settlement.discard(seen, by="ada", reason="x")
    assert not Outcome.objects.exists()
    assert_counted()


@pytest.mark.parametrize("regroup", [merge.merge, merge.split])
def test_a_letter_whose_group_was_merged_or_split_since_counts_where_it_is(
    regroup: Callable[..., None],
) -> None:
    first, second = failed("AError"), failed("BError")
    groups = [second.group, first.group]
    if regroup is merge.split:
        merge.merge(*groups, by="bob", reason="")
        second = fresh(second)
        groups = [fresh(second.origin)]
    regroup(*groups, by="bob", reason="")
    settlement.discard(second, by="ada", reason="x")
    now = fresh(second)
    assert (second.group, second.origin_id) == (now.group, now.origin_id)
    assert_counted()


def test_a_split_while_a_letter_is_sent_leaves_it_in_a_group_that_is_seen() -> None:
    first, second = failed("AError"), failed("BError")
    merge.merge(second.group, first.group, by="bob", reason="")
    claimed = fresh(second)
    claims.claim(claimed, by="ada", reason="")
    merge.split(fresh(second.group), by="bob", reason="")
    move(claimed, claimed.resting_state, AuditEntry.Verb.NOT_SENT)
    group = fresh(second).group
    assert (group, group.waiting, group.state) == (second.group, 1, "open")
    assert_counted()


def test_a_restored_letter_opens_its_group_again() -> None:
    letter = failed("AError")
    settlement.discard(letter, by="ada", reason="x")
    assert fresh(letter.group).state == "resolved"
    settlement.restore(letter, by="ada")
    assert fresh(letter.group).state == "open"


def test_a_settled_letter_that_fails_again_makes_its_group_regress() -> None:
    event = order_created()
    letter = failed("AError", event)
    settlement.resolve(letter, by="ada", reason="x")
    assert fresh(letter.group).state == "resolved"
    told = timezone.now()
    for _ in "ab":
        failed("AError", event)
        assert fresh(letter.group).state == "regressed"
        assert fresh(letter.group).appeared_at > told
        assert not raising.lasting(NEW_FAILURE).exists(), "it is known by now"
        # Each time it comes back people are told, whether they have looked or not.
        before, told = told, raising.lasting(REGRESSION).get().at
        assert told > before
        settlement.resolve(fresh(letter), by="ada", reason="x")
    assert_counted()


def test_what_was_new_and_what_came_back_is_told_by_its_own_alert() -> None:
    letter = failed("AError")
    (new,) = raising.lasting()
    assert (new.kind, new.name) == ("new_failure", f"new_failure/{letter.group_id}")
    assert new.path == f"{GROUPS}{letter.group_id}/change/"
    assert new.sentence == ("A new kind of failure: AError in order_created on orders.")


def test_a_group_knows_its_latest_failure_whatever_arrives_first() -> None:
    def arrived(hour: int, release: str) -> DeadLetter:
        at = f"2026-11-20T{hour}:59:59+00:00"
        told = failure(error_type="AError", failed_at=at, release=release)
        return dead_letter(attributes=told)

    group = arrived(12, "r2").group
    arrived(11, "r1")
    group.refresh_from_db()
    assert group.last_seen.hour == 12
    arrived(12, "r2")
    group.refresh_from_db()
    assert (group.last_seen.hour, group.release) == (12, "r2")
    counts = group.counts.order_by("hour").values_list("hour__hour", "arrivals")
    assert list(counts) == [(11, 1), (12, 2)]
    assert group.oldest_accepted == group.letters.earliest("sent_at").sent_at


def test_a_redrive_that_was_in_vain_makes_a_resolved_group_regress(sqs: None) -> None:
    event = order_created()
    letter = dead_letter(event)
    redrive_now(letter, by="ada")
    triage.resolve_group(letter.group, by="ada")
    processor.process(order_created(id=event.id))  # another content under its id
    settlement.reconcile()
    assert fresh(letter).state == "open"
    assert fresh(letter.group).state == "regressed"


def test_a_group_in_which_letters_wait_cannot_be_called_resolved(desk: Client) -> None:
    group = failed("AError").group
    page = f"{GROUPS}{group.pk}/"
    answer = desk.post(f"{page}resolve/", follow=True).content.decode()
    assert "Dead letters of this group still wait." in answer
    assert fresh(group).state == "open"
    assert "AError" in desk.get(GROUPS).content.decode()
    FailureGroup.objects.update(state="resolved")  # an earlier release let them
    assert "AError" in desk.get(GROUPS).content.decode()


def test_who_saw_it_before_a_discard_and_a_restore_cannot_lose_its_tombstone() -> None:
    letter = failed("AError")
    seen = fresh(letter)
    settlement.discard(letter, by="ada", reason="x")
    settlement.restore(letter, by="ada")
    settlement.discard(seen, by="bob", reason="x")
    assert Outcome.objects.get().kind == "discarded"


def test_what_was_purged_while_its_page_was_open_is_not_restored_empty() -> None:
    letter = failed("AError")
    settlement.discard(letter, by="ada", reason="x")
    retention.purge(timezone.now() + timedelta(days=1))
    with pytest.raises(settlement.PurgedError):
        settlement.restore(letter, by="bob")
    assert fresh(letter).state == "discarded"


def two_of_one_request() -> tuple[DeadLetter, DeadLetter]:
    event = order_created()
    return dead_letter(event), dead_letter(event, queue="signups-dlq")


def test_of_two_discarded_letters_of_a_request_one_restored_leaves_the_tombstone() -> (
    None
):
    first, second = two_of_one_request()
    settlement.discard(first, by="ada", reason="x")
    settlement.discard(second, by="ada", reason="x")
    settlement.restore(first, by="ada")
    assert Outcome.objects.get().kind == "discarded"
    settlement.restore(second, by="ada")
    assert not Outcome.objects.exists()


def test_a_letter_whose_sibling_is_discarded_is_not_sent_to_do_nothing() -> None:
    first, second = two_of_one_request()
    settlement.discard(first, by="ada", reason="x")
    with pytest.raises(terms.DiscardedError):
        sender.redrive_one(terms.Redrive(second, second.revision), terms.Terms("ada"))
    assert fresh(second).state == "open"


def test_a_receipt_says_sent_again_once_no_letter_of_its_request_waits() -> None:
    first, second = two_of_one_request()

    def sent_again(letter: DeadLetter) -> Any:
        claims.claim(letter, by="ada", reason="")
        at = timezone.now()
        move(letter, "redriven", AuditEntry.Verb.SENT, redriven_at=at)
        return at, UnderReview.objects.get().sent_again_at

    assert sent_again(first)[1] is None
    at, told = sent_again(second)
    assert told == at
    move(fresh(first), "open", AuditEntry.Verb.FAILED_AGAIN)
    assert UnderReview.objects.get().sent_again_at is None


def test_a_drift_is_named_by_the_books_and_mended() -> None:
    letter = failed("AError")
    other = failed("BError")
    FailureGroup.objects.filter(pk=letter.group_id).update(waiting=-1, settled=7)
    FailureGroup.objects.filter(pk=other.group_id).update(state="resolved")
    named = {drift.group: str(drift) for drift in counter_drift.drifts()}
    assert named == {
        letter.group_id: f"group {letter.group_id}: waiting -1 instead of 1, "
        "settled 7 instead of 0",
        other.group_id: f"group {other.group_id}: resolved, with 1 waiting",
    }
    assert len(counter_drift.mend()) == 2
    noted = AuditEntry.objects.filter(verb="noted").values_list("group", "reason")
    assert dict(noted) == {key: f"Recounted. {told}" for key, told in named.items()}
    assert_counted()
    assert fresh(other.group).state == "open"
    assert counter_drift.drifts() == []


@pytest.mark.parametrize("name", ["waiting", "redriven", "settled"])
def test_each_counter_that_drifts_is_named(name: str) -> None:
    group = failed("AError").group
    true = int(name == "waiting")
    FailureGroup.objects.update(**{name: 7})
    (drift,) = counter_drift.drifts()
    assert str(drift) == f"group {group.pk}: {name} 7 instead of {true}"
    counter_drift.mend()
    assert getattr(fresh(group), name) == true


VERBS = {
    "open": ("discard", "resolve", "claim", "claim", "edit"),
    "claimed": ("sent", "not_sent"),
    "redriven": ("discard",),
    "resolved": ("restore",),
    "discarded": ("restore",),
}


def act(letter: DeadLetter, verb: str) -> None:
    match verb:
        case "discard":
            settlement.discard(letter, by="ada", reason="x")
        case "restore":
            settlement.restore(letter, by="ada")
        case "resolve":
            settlement.resolve(letter, by="ada", reason="x")
        case "claim":
            claims.claim(letter, by="ada", reason="")
        case "sent":
            now = timezone.now()
            move(letter, "redriven", AuditEntry.Verb.SENT, redriven_at=now)
        case "not_sent":
            move(letter, letter.resting_state, AuditEntry.Verb.NOT_SENT)
        case "edit":
            body = letter.revisions.get(number=0).body
            seen = letter.revision
            revisions.edit(letter, body, based_on=seen, by="ada", reason="x")


class Desk(RuleBasedStateMachine):
    """What pullers, workers and staff may do to three letters, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.all = transaction.atomic()
        self.all._from_testcase = True  # type: ignore[attr-defined]
        self.all.__enter__()
        self.events = [order_created() for _ in ERRORS]
        for event, error in zip(self.events, ERRORS, strict=True):
            failed(error, event)
        self.seen = list(DeadLetter.objects.order_by("pk"))
        """What somebody's page shows of each, stale or not."""

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.all.__exit__(None, None, None)

    @rule(one=st.integers(0, 2))
    def look(self, one: int) -> None:
        self.seen[one] = fresh(self.seen[one])

    @rule(one=st.integers(0, 2), error=st.sampled_from(ERRORS), ours=st.booleans())
    def fail_again(self, one: int, error: str, ours: bool) -> None:
        told = redriven(fresh(self.seen[one])) if ours else {}
        failed(error, self.events[one], **told)

    @rule(one=st.integers(0, 2), chance=st.integers(0, 4), fresh_page=st.booleans())
    def act(self, one: int, chance: int, fresh_page: bool) -> None:
        letter = fresh(self.seen[one]) if fresh_page else copy(self.seen[one])
        verbs = VERBS[letter.state]
        with suppress(ReviewError):
            act(letter, verbs[chance % len(verbs)])

    @rule(pair=st.permutations(ERRORS))
    def regroup(self, pair: list[str]) -> None:
        one, other = (FailureGroup.objects.get(error_type=name) for name in pair[:2])
        with suppress(ReviewError):
            if one.merged_into_id:
                merge.split(one, by="ada", reason="")
            else:
                merge.merge(one, other, by="ada", reason="")

    @invariant()
    def all_is_counted(self) -> None:
        assert_counted(hours=False)
        assert counter_drift.drifts() == []
        for letter in DeadLetter.objects.select_related("group", "origin"):
            own = letter.origin or letter.group
            assert letter.group_id == (own.merged_into_id or own.pk)
        discarded = DeadLetter.objects.filter(state="discarded")
        assert {one.request_id for one in discarded} == set(
            Outcome.objects.values_list("request_id", flat=True)
        )


@pytest.mark.skipif(
    connection.vendor == "postgresql", reason="the same rules; SQLite is faster"
)
@pytest.mark.parametrize("examples", [5, pytest.param(150, marks=pytest.mark.siege)])
def test_no_order_of_verbs_leaves_a_counter_off(examples: int) -> None:
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
