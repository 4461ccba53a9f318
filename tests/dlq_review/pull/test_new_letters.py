"""A page of messages is stored at once, exactly as each would be by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Model
from pytest_django import DjangoAssertNumQueries

from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureCount,
    FailureGroup,
    Revision,
)
from dlq_review.pull.arrivals import join
from dlq_review.pull.new_letters import begin_new
from processing.delivery import processor
from processing.models import UnderReview
from processing.sqs.message import Message
from tests.builders import dead_message, failed_attempt, failure, message, order_created
from tests.dlq_review.kept_counters import assert_counted

pytestmark = pytest.mark.django_db

_OWN = {
    "appeared_at",
    "id",
    "letter_id",
    "group_id",
    "at",
    "pulled_at",
    "settled_at",
    "since",
}


def page() -> list[Message]:
    """Ten messages: of two failures in two hours, with and without an attempt, one no
    event, one processed already."""
    events = [order_created() for _ in range(8)]
    processor.handle(message(events[0]))
    for number, event in enumerate(events[1:4]):
        for age in (9, 1):
            at = datetime.now(UTC) - timedelta(seconds=age)
            failed_attempt(
                event, started_at=at, place=f"place{number}", release=f"r{age}"
            )
    told = failure(failed_at="2026-11-20T10:30:00+00:00")
    later = failure(failed_at="2026-11-20T12:30:00+00:00", release="r2")
    return [
        *(dead_message(event) for event in events[:4]),
        *(dead_message(event, attributes=told) for event in events[4:6]),
        *(dead_message(event, attributes=later) for event in events[6:]),
        dead_message("no event", attributes=told),
        dead_message('{"type": "launch_rocket"}'),
    ]


def rows(model: type[Model]) -> list[dict[str, object]]:
    found = [
        {name: value for name, value in row.items() if name not in _OWN}
        for row in model._default_manager.values()
    ]
    return sorted(found, key=repr)


def everything() -> dict[str, list[dict[str, object]]]:
    models: tuple[type[Model], ...] = (
        *(DeadLetter, Arrival, Revision, AuditEntry, FailureGroup, FailureCount),
        UnderReview,
    )
    return {model.__name__: rows(model) for model in models}


def forget() -> None:
    for model in (Arrival, Revision, FailureCount, UnderReview):
        model._default_manager.all().delete()
    for table in (AuditEntry, DeadLetter, FailureGroup):
        table._default_manager.all()._raw_delete("default")


def test_a_page_at_once_is_what_each_would_be_by_itself() -> None:
    messages = page()
    for one in messages:
        join(one)
    apart = everything()
    forget()
    assert {one.id for one in begin_new(messages)} == {one.id for one in messages}
    together = everything()
    assert together["DeadLetter"]
    assert together == apart
    assert_counted()


def test_a_page_takes_few_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    messages = [dead_message(order_created(), attributes=failure()) for _ in range(10)]
    begin_new([dead_message(order_created(), attributes=failure())])
    with django_assert_max_num_queries(17):  # one for the keys, on PostgreSQL
        begin_new(messages)


def test_what_has_a_letter_already_is_left_to_be_joined() -> None:
    known, new = order_created(), order_created()
    join(dead_message(known))
    again = dead_message(known)
    assert [one.body for one in begin_new([again, dead_message(new)])] == [new.body]
    assert not Arrival.objects.filter(message_id=again.id).exists()


def test_two_copies_on_one_page_begin_one_letter() -> None:
    event = order_created()
    first, second = dead_message(event), dead_message(event)
    assert begin_new([first, second]) == [first]
    join(second)
    assert DeadLetter.objects.get().arrival_count == 2


def test_a_resolved_group_regresses_once_for_a_page() -> None:
    join(dead_message(order_created(), attributes=failure()))
    FailureGroup.objects.update(state="resolved")
    begin_new([dead_message(order_created(), attributes=failure()) for _ in range(3)])
    group = FailureGroup.objects.get()
    assert (group.state, group.waiting) == ("regressed", 4)
    assert FailureCount.objects.get().arrivals == 4
