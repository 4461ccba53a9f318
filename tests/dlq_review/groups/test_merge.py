"""Groups that staff say are one failure, and that they take apart again."""

from copy import copy
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Q
from django.test import Client
from django.utils import timezone

from dlq_review.errors import ChangedMeanwhileError
from dlq_review.groups import merge
from dlq_review.groups.merge import NotMergeableError, NotMergedError
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup
from dlq_review.monitoring.failure_rates import paces
from tests.builders import dead_letter, failure, order_created, redrive_now, redriven
from tests.dlq_review.conftest import ClientOf
from tests.live import wait_for

pytestmark = pytest.mark.django_db
PAGE = "/admin/dlq_review/failuregroup/{}/"


def letter_of(error: str, **changes: Any) -> DeadLetter:
    at = (timezone.now() - timedelta(minutes=5)).isoformat()
    told = failure(error_type=error, failed_at=at)
    return dead_letter(attributes=told, **changes)


def assert_counters_are_true() -> None:
    waiting = Count("letters", filter=Q(letters__state__in=DeadLetter.WAITING))
    settled = Count("letters", filter=Q(letters__state__in=DeadLetter.SETTLED))
    for group in FailureGroup.objects.annotate(w=waiting, s=settled):
        assert (group.waiting, group.settled) == (group.w, group.s), group


@pytest.fixture
def two() -> tuple[FailureGroup, FailureGroup]:
    """Timeouts and resets, which staff know to be the same failure."""
    timeout, reset = letter_of("TimeoutError"), letter_of("ConnectionResetError")
    letter_of("ConnectionResetError")
    merge.merge(reset.group, timeout.group, by="ada", reason="the same")
    return timeout.group, reset.group


def fresh(group: FailureGroup) -> FailureGroup:
    return FailureGroup.objects.get(pk=group.pk)


def test_a_merged_group_hands_its_letters_and_counters_over(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    assert timeout.letters.count() == fresh(timeout).waiting == 3
    assert fresh(reset).waiting == 0
    assert_counters_are_true()
    assert timeout.audit.filter(verb="merged", actor="ada", reason="the same").exists()


def test_it_is_sticky_for_what_fails_later(
    two: tuple[FailureGroup, FailureGroup], sqs: None
) -> None:
    timeout, reset = two
    assert letter_of("ConnectionResetError").group == timeout
    event = order_created()
    again = letter_of("KeyError", body=event)
    redrive_now(again, by="ada")
    told = failure(error_type="ConnectionResetError")
    dead_letter(event, attributes={**told, **redriven(again)})
    again.refresh_from_db()
    assert (again.group, again.origin) == (timeout, reset)
    assert_counters_are_true()


def test_a_split_takes_back_just_its_own(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    later = letter_of("ConnectionResetError")
    settlement.discard(later, by="ada", reason="x")
    merge.split(fresh(reset), by="ada", reason="not the same")
    assert (fresh(reset).waiting, fresh(reset).settled) == (2, 1)
    assert fresh(timeout).waiting == 1
    assert not DeadLetter.objects.exclude(origin=None).exists()
    assert letter_of("ConnectionResetError").group == reset
    assert_counters_are_true()


def test_its_failures_count_in_the_group_that_stands_for_it(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    letter_of("ConnectionResetError")
    assert paces([timeout])[timeout.pk].windows["24h"] == 4
    merge.split(fresh(reset), by="ada", reason="")
    assert paces([timeout])[timeout.pk].windows["24h"] == 1
    assert paces([reset])[reset.pk].windows["24h"] == 3


def test_what_fails_again_counts_in_the_hour_of_its_own_group(
    two: tuple[FailureGroup, FailureGroup], sqs: None
) -> None:
    event = order_created()
    again = letter_of("ConnectionResetError", body=event)
    redrive_now(again, by="ada")
    at = (timezone.now() - timedelta(minutes=5)).isoformat()
    told = failure(error_type="ConnectionResetError", failed_at=at)
    dead_letter(event, attributes={**told, **redriven(again)})
    arrivals = [list(group.counts.values_list("arrivals", flat=True)) for group in two]
    assert [sum(one) for one in arrivals] == [1, 4]
    assert [fresh(one).last_seen.isoformat() == at for one in two] == [True, False]


@pytest.mark.parametrize("older", ["group", "into"])
def test_it_stands_for_the_whole_time_of_both(older: str) -> None:
    group, into = letter_of("TimeoutError").group, letter_of("OSError").group
    hour, seen = timedelta(hours=1), into.first_seen
    earlier = group.pk if older == "group" else into.pk
    FailureGroup.objects.update(first_seen=seen, last_seen=seen)
    FailureGroup.objects.filter(pk=earlier).update(
        first_seen=seen - hour, last_seen=seen - hour
    )
    merge.merge(group, into, by="ada", reason="the same")
    both = fresh(into)
    assert (both.first_seen, both.last_seen) == (seen - hour, seen)


def test_what_was_merged_moves_on_with_its_group(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    third = letter_of("OSError").group
    merge.merge(fresh(timeout), third, by="ada", reason="")
    assert letter_of("ConnectionResetError").group == third
    assert_counters_are_true()
    merge.split(fresh(reset), by="ada", reason="")
    assert (fresh(reset).waiting, fresh(third).waiting) == (3, 2)
    assert_counters_are_true()


def test_a_resolved_group_that_gets_letters_is_open_again() -> None:
    solved, other = letter_of("TimeoutError"), letter_of("OSError")
    settlement.discard(solved, by="ada", reason="x")
    assert fresh(solved.group).state == "resolved"
    merge.merge(other.group, solved.group, by="ada", reason="")
    assert fresh(solved.group).state == "open"


def test_a_group_whose_letters_are_on_their_way_stays_open(sqs: None) -> None:
    """What fails again of them is no regression."""
    one, other = letter_of("TimeoutError"), letter_of("OSError")
    redrive_now(one, by="ada")
    redrive_now(other, by="ada")
    merge.merge(fresh(one.group), fresh(other.group), by="ada", reason="")
    assert fresh(other.group).state == "open"
    merge.split(fresh(one.group), by="ada", reason="")
    assert {fresh(one.group).state, fresh(other.group).state} == {"open"}


def test_what_cannot_be_merged_or_split_says_why(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    third = letter_of("OSError").group
    for group, into in ((third, third), (third, reset), (reset, third)):
        with pytest.raises(NotMergeableError):
            merge.merge(fresh(group), fresh(into), by="ada", reason="")
    with pytest.raises(NotMergedError):
        merge.split(third, by="ada", reason="")
    assert_counters_are_true()


def test_a_letter_that_was_on_its_way_is_brought_over(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    late = letter_of("KeyError")
    FailureGroup.objects.filter(pk=late.group_id).update(waiting=0)
    DeadLetter.objects.filter(pk=late.pk).update(group=reset)
    FailureGroup.objects.filter(pk=reset.pk).update(waiting=1)
    assert merge.gather() == 1
    late.refresh_from_db()
    assert (late.group, late.origin) == (timeout, reset)
    assert_counters_are_true()
    assert merge.gather() == 0


@pytest.mark.parametrize("older", [True, False])
def test_a_letter_that_a_split_has_missed_is_brought_home(older: bool) -> None:
    own, other = letter_of("TimeoutError"), letter_of("OSError")
    if older:
        own, other = other, own
    groups = FailureGroup.objects
    groups.filter(pk=own.group_id).update(waiting=0)
    groups.filter(pk=other.group_id).update(waiting=2)
    DeadLetter.objects.filter(pk=own.pk).update(group=other.group, origin=own.group)
    assert list(merge.with_strayed_letters()) == [(own.group_id, own.group_id)]
    assert merge.gather() == 1
    home = own.group
    own.refresh_from_db()
    assert (own.group, own.origin) == (home, None)
    assert_counters_are_true()
    assert merge.gather() == 0


def test_a_split_of_what_changed_meanwhile_moves_nothing(
    two: tuple[FailureGroup, FailureGroup],
) -> None:
    timeout, reset = two
    seen = fresh(reset)
    merge.split(fresh(reset), by="bob", reason="")
    with pytest.raises(NotMergedError):
        merge.split(copy(seen), by="ada", reason="")
    third = letter_of("OSError").group
    merge.merge(fresh(reset), third, by="bob", reason="")
    with pytest.raises(ChangedMeanwhileError):
        merge.split(copy(seen), by="ada", reason="")
    assert fresh(reset).merged_into == third
    assert (fresh(timeout).waiting, fresh(third).waiting) == (1, 3)
    assert_counters_are_true()


def test_a_merge_of_what_another_was_merged_into_meanwhile_moves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, group, other = (letter_of(f"Error{name}").group for name in "ABC")
    found = merge._lock

    def lock(which: Q) -> dict[int, FailureGroup]:
        locked = found(which)
        FailureGroup.objects.filter(pk=other.pk).update(merged_into=group)
        return locked

    monkeypatch.setattr(merge, "_lock", lock)
    with pytest.raises(ChangedMeanwhileError):
        merge.merge(group, target, by="ada", reason="")
    assert fresh(group).merged_into is None
    assert group.letters.count() == fresh(group).waiting == 1
    assert_counters_are_true()


def test_letters_that_strayed_stay_where_their_group_is_split_meanwhile(
    two: tuple[FailureGroup, FailureGroup], monkeypatch: pytest.MonkeyPatch
) -> None:
    timeout, _ = two
    late = letter_of("KeyError")
    own = FailureGroup.objects.filter(pk=late.group_id)
    own.update(merged_into=timeout)
    lock = merge._lock

    def lock_too_late(which: Q) -> dict[int, FailureGroup]:
        own.update(merged_into=None)
        return lock(which)

    monkeypatch.setattr(merge, "_lock", lock_too_late)
    merge.gather()
    late.refresh_from_db()
    assert (late.group, late.origin) == (own.get(), None)
    assert_counters_are_true()


def test_staff_merge_and_split_on_the_page(desk: Client) -> None:
    timeout, reset = letter_of("TimeoutError").group, letter_of("OSError").group
    page = desk.get(PAGE.format(reset.pk) + "change/").content.decode()
    assert f'<option value="{timeout.pk}">' in page
    told = {"into": timeout.pk, "reason": "the same"}
    answer = desk.post(PAGE.format(reset.pk) + "merge/", told, follow=True)
    assert "Split off" in answer.content.decode()
    inbox = desk.get("/admin/dlq_review/failuregroup/").content.decode()
    assert PAGE.format(reset.pk) not in inbox
    desk.post(PAGE.format(reset.pk) + "split/")
    assert fresh(reset).merged_into is None
    refused = desk.post(
        PAGE.format(reset.pk) + "merge/", {"into": reset.pk}, follow=True
    )
    assert "Choose another group" in refused.content.decode()
    assert desk.post(PAGE.format(reset.pk) + "merge/", {"into": "x"}).status_code == 404


def test_who_may_not_edit_cannot_merge(client_of: ClientOf) -> None:
    timeout, reset = letter_of("TimeoutError").group, letter_of("OSError").group
    viewer = client_of("view_deadletter")
    told = {"into": timeout.pk}
    assert viewer.post(PAGE.format(reset.pk) + "merge/", told).status_code == 403
    assert fresh(reset).merged_into is None


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="needs rows that two can lock: PostgreSQL"
)
@pytest.mark.django_db(transaction=True)
def test_letters_that_move_while_their_group_is_merged_are_counted_once() -> None:
    target = letter_of("TimeoutError").group
    letters = [letter_of("OSError") for _ in range(30)]
    group = letters[0].group

    def discard_all() -> None:
        for letter in letters:
            settlement.discard(letter, by="ada", reason="x")
        connection.close()

    mover = Thread(target=discard_all)
    mover.start()
    wait_for(lambda: DeadLetter.objects.filter(state="discarded").exists())
    merge.merge(group, target, by="bob", reason="")
    mover.join()
    merge.gather()
    assert_counters_are_true()
    assert fresh(target).settled == 30


def test_a_group_is_merged_into_another_of_its_queue_that_stands_for_itself(
    desk: Client, two: tuple[FailureGroup, FailureGroup]
) -> None:
    timeout, _ = two
    other = letter_of("OSError").group
    elsewhere = letter_of("KeyError", queue="signups-dlq").group
    assert elsewhere.queue == "signups"
    for group, others in ((timeout, [other]), (other, [timeout])):
        found = desk.get(PAGE.format(group.pk) + "change/").context["others"]
        assert list(found) == others
