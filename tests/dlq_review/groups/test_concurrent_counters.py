"""The kept counters under hands that work at the same time, on PostgreSQL."""

from collections.abc import Callable
from contextlib import suppress
from random import Random
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from dlq_review.errors import ReviewError
from dlq_review.groups import counter_drift, counters, merge
from dlq_review.letters import settlement
from dlq_review.models import Arrival, DeadLetter, FailureGroup
from dlq_review.pull.arrivals import join
from dlq_review.pull.new_letters import begin_new
from processing.sqs.message import Message
from tests.builders import (
    dead_letter,
    dead_message,
    failure,
    order_created,
    redrive_now,
    redriven,
)
from tests.dlq_review.kept_counters import assert_counted
from tests.dlq_review.threads import together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite has one writer at a time"
    ),
]

KINDS = ("AError", "BError", "CError")
HOURS = ("2026-11-20T10:00:00+00:00", "2026-11-20T11:00:00+00:00")
ROUNDS = 15
STORM = 25


def page(kinds: tuple[str, ...]) -> list[Message]:
    return [
        dead_message(
            order_created(), attributes=failure(error_type=kind, failed_at=hour)
        )
        for kind in kinds
        for hour in HOURS
    ]


def store_all(messages: list[Message]) -> None:
    assert len(begin_new(messages)) == len(messages)


def test_pullers_and_staff_at_the_same_groups_lose_no_count_and_never_deadlock() -> (
    None
):
    own = {
        kind: [dead_letter(attributes=failure(error_type=kind)) for _ in range(4)]
        for kind in KINDS
    }

    def pull(kinds: tuple[str, ...]) -> None:
        for _ in range(ROUNDS):
            store_all(page(kinds))

    def settle(number: int, kinds: tuple[str, ...]) -> None:
        for kind in kinds * (ROUNDS // len(kinds)):
            settlement.discard(own[kind][number], by="ada", reason="x")
            settlement.restore(own[kind][number], by="ada")

    together(
        lambda: pull(KINDS),
        lambda: pull(KINDS[::-1]),
        lambda: settle(0, KINDS),
        lambda: settle(1, KINDS[::-1]),
    )
    assert Arrival.objects.count() == 12 + 2 * ROUNDS * len(KINDS) * len(HOURS)
    assert_counted()


def test_a_storm_of_every_verb_loses_no_count_and_no_letter(sqs: None) -> None:
    events = [order_created() for _ in range(12)]
    for number, event in enumerate(events):
        dead_letter(event, attributes=failure(error_type=KINDS[number % 3]))
    groups = {group.error_type: group for group in FailureGroup.objects.all()}
    rounds = range(STORM)

    def tolerant(work: Callable[[Random], None], seed: int) -> Callable[[], None]:
        """Told to look again is well; any other error is not."""

        def run() -> None:
            chance = Random(seed)
            for _ in rounds:
                with suppress(ReviewError):
                    work(chance)

        return run

    def regroup(chance: Random) -> None:
        one, other = (
            FailureGroup.objects.get(pk=groups[kind].pk)
            for kind in chance.sample(KINDS, 2)
        )
        if one.merged_into_id:
            merge.split(one, by="bob", reason="")
        else:
            merge.merge(one, other, by="bob", reason="")

    def settle(chance: Random) -> None:
        letter = chance.choice(list(DeadLetter.objects.all()))
        if letter.state == "discarded":
            settlement.restore(letter, by="ada")
        else:
            settlement.discard(letter, by="ada", reason="x")

    def fail_again(chance: Random) -> None:
        letter = chance.choice(list(DeadLetter.objects.all()))
        told = failure(error_type=chance.choice(KINDS))
        body = letter.revisions.get(number=0).body
        join(dead_message(body, attributes={**told, **redriven(letter)}))

    def redrive(chance: Random) -> None:
        letter = chance.choice(list(DeadLetter.objects.all()))
        redrive_now(letter, by="ada")

    def pull(chance: Random) -> None:
        store_all(page(tuple(chance.sample(KINDS, 2))))

    jobs = (regroup, regroup, settle, settle, fail_again, redrive, pull)
    together(*(tolerant(job, seed) for seed, job in enumerate(jobs)))
    merge.gather()
    assert_counted(hours=False)  # a late copy counts in none
    assert counter_drift.drifts() == []
    for letter in DeadLetter.objects.select_related("group", "origin"):
        own = letter.origin or letter.group
        assert letter.group_id == (own.merged_into_id or own.pk)


def test_letters_that_change_places_between_two_groups_wait_for_none_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = (
        dead_letter(attributes=failure(error_type=kind)).group_id for kind in KINDS[:2]
    )
    both = Barrier(2)
    count = counters._count

    def count_and_meet(*change: Any) -> None:
        count(*change)
        with suppress(BrokenBarrierError):  # the second waits for the row of the first
            both.wait(1)

    @transaction.atomic
    def bring(before: int, after: int) -> None:
        moved = counters.Moved((before, "open"), (after, "open"), came_back=False)
        counters.count_moves([moved], timezone.now())

    monkeypatch.setattr(counters, "_count", count_and_meet)
    together(lambda: bring(one, other), lambda: bring(other, one))
    assert list(FailureGroup.objects.values_list("waiting", flat=True)) == [1, 1]


def test_two_pullers_that_are_first_to_see_a_failure_make_one_group() -> None:
    together(
        lambda: store_all(page(KINDS)),
        lambda: store_all(page(KINDS[::-1])),
    )
    assert FailureGroup.objects.count() == len(KINDS)
    assert_counted()


def test_two_pullers_with_copies_of_the_same_messages_store_each_once() -> None:
    one = page(KINDS)
    stored: list[int] = []

    def store(messages: list[Message]) -> None:
        try:
            stored.append(len(begin_new(messages)))
        except Exception:  # it lost: the puller stores what is left one by one
            stored.append(0)

    together(lambda: store(one), lambda: store(one[::-1]))
    assert sorted(stored) == [0, len(one)]
    assert_counted()
