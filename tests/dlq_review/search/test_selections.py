"""What a selection chooses, field by field, and how it is stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.search import selections
from dlq_review.search.selections import Selection, TooManyToReadError
from tests.builders import dead_letter, failure, order_created

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
State = OperationItem.State


@pytest.fixture
def three() -> list[DeadLetter]:
    """Three letters that differ in each column, the first the oldest."""
    found = []
    for number, state in enumerate(("open", "quarantined", "open")):
        event = order_created(email=f"grace{number}@example.com")
        told = failure(error_type=f"Error{'x' * number}", error_text=f"no {number}")
        letter = dead_letter(event, attributes={**told, "shop": f"s{number}"})
        DeadLetter.objects.filter(pk=letter.pk).update(
            state=state,
            queue=f"queue-{number}",
            type=f"type-{number}",
            reference=f"REF-{number}",
            last_failed_at=NOON + number * SECOND,
            first_failed_at=NOON - SECOND,
        )
        letter.refresh_from_db()
        found.append(letter)
    return found


def chosen(three: list[DeadLetter], **fields: Any) -> list[int]:
    """The numbers of those of *three* that are chosen."""
    pages = Selection(**fields).pages()
    return [three.index(letter) for page in pages for letter in page]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"queue": "queue-1"}, [1]),
        ({"type": "type-1"}, [1]),
        ({"queue": "queue-1", "type": "type-2"}, []),
        ({"error": "Error"}, [0]),
        ({"since": NOON + SECOND}, [1, 2]),
        ({"ids": ("REF-0", "REF-2")}, [0, 2]),
        ({"ids": ("REF-9",)}, []),
        ({"search": "grace1@example.com"}, [1]),
        ({"search": "grace1@example.com", "masked": True}, []),
        ({"search": "Errorx", "masked": True}, [1, 2]),
        ({"discarded": True}, []),
        ({"fields": ("@attribute.shop=s1",)}, [1]),
        ({"fields": ("@attribute.shop=s1",), "masked": True}, []),
        ({"fields": ("@attribute.shop=s1", "data.currency=EUR")}, [1]),
        ({"fields": ("data.currency=EUR", "@attribute.shop=s2")}, [2]),
        ({"fields": ("data.email=grace2@example.com",)}, [2]),
        ({"fields": ("data.email=grace2@example.com",), "masked": True}, []),
    ],
)
def test_each_field_narrows(
    three: list[DeadLetter], fields: dict[str, Any], expected: list[int]
) -> None:
    assert chosen(three, **fields) == expected


def test_letters_are_named_by_their_number_their_request_or_their_group(
    three: list[DeadLetter],
) -> None:
    one = three[1]
    assert chosen(three, ids=(str(one.pk),)) == [1]
    assert chosen(three, ids=(one.request_id, str(three[0].pk))) == [0, 1]
    assert chosen(three, group=one.group_id) == [1]
    assert chosen(three, group=0) == []
    assert chosen(three, but=one.pk) == [0, 2]


def test_of_the_discarded_those_can_be_chosen_that_still_have_their_body(
    three: list[DeadLetter],
) -> None:
    DeadLetter.objects.exclude(pk=three[0].pk).update(state="discarded")
    DeadLetter.objects.filter(pk=three[1].pk).update(purged_at=timezone.now())
    assert chosen(three, discarded=True) == [2]
    assert chosen(three) == [0]


@pytest.mark.parametrize(
    ("state", "seconds_after_the_end", "expected"),
    [("discarded", -1, [0]), ("discarded", 0, [0]), ("discarded", 1, [])]
    + [("skipped", -1, [])],
)
def test_what_an_operation_discarded_is_chosen_unless_somebody_did_it_again(
    three: list[DeadLetter],
    state: str,
    seconds_after_the_end: int,
    expected: list[int],
) -> None:
    operation = Operation.objects.create(by="ada", cutoff=NOON, ended_at=NOON)
    OperationItem.objects.create(
        operation=operation, letter=three[0], revision=0, state=state
    )
    DeadLetter.objects.update(
        state="discarded", settled_at=NOON + seconds_after_the_end * SECOND
    )
    found = chosen(three, discarded=True, discarded_by=operation.pk)
    assert found == expected


@pytest.mark.parametrize("state", State)
def test_after_an_operation_that_is_chosen_which_waits_again(
    three: list[DeadLetter], state: str
) -> None:
    operation = Operation.objects.create(by="ada", cutoff=NOON)
    OperationItem.objects.create(
        operation=operation, letter=three[2], revision=0, state=state
    )
    again = {State.EDITED, State.RESTORED, State.FAILED_AGAIN, State.UNDONE}
    assert chosen(three, after=operation.pk) == ([2] if state in again else [])


@pytest.mark.parametrize(
    ("state", "undoes", "expected"),
    [("undone", True, []), ("skipped", True, [2]), ("undone", False, [2])],
)
def test_what_has_its_former_body_again_is_not_chosen(
    three: list[DeadLetter], state: str, undoes: bool, expected: list[int]
) -> None:
    edit = Operation.objects.create(by="ada", cutoff=NOON)
    undo = Operation.objects.create(
        by="ada", cutoff=NOON, undoes=edit if undoes else None
    )
    for operation, now in ((edit, State.EDITED), (undo, state)):
        OperationItem.objects.create(
            operation=operation, letter=three[2], revision=0, state=now
        )
    OperationItem.objects.create(
        operation=edit, letter=three[0], revision=0, state=State.EDITED
    )
    assert chosen(three, after=edit.pk) == [0, *expected]


@pytest.mark.parametrize(
    ("selection", "is_empty"),
    [
        (Selection(), True),
        (Selection(masked=True), True),
        (Selection(discarded=True), True),
        (Selection(queue="orders"), False),
        (Selection(discarded=True, queue="orders"), False),
        (Selection(group=1, masked=True), False),
    ],
)
def test_a_selection_that_narrows_nothing_is_empty(
    selection: Selection, *, is_empty: bool
) -> None:
    assert selection.is_empty is is_empty


def test_what_narrows_is_stored_and_read_again() -> None:
    narrows = Selection(ids=["7"], queue="orders", since=NOON, fields=["data"], but=3)
    stored = replace(narrows, masked=True, policy=9).as_json()
    assert stored == {
        "ids": ["7"],
        "queue": "orders",
        "since": "2026-11-20T12:00:00+00:00",
        "fields": ["data"],
        "but": 3,
    }
    assert Selection.from_json(stored) == narrows
    assert Selection.from_json(stored, masked=True).masked


@pytest.mark.parametrize(("name", "hours"), [("1h", 1), ("24h", 24), ("14d", 336)])
def test_a_period_begins_so_many_hours_ago(name: str, hours: int) -> None:
    ago = timezone.now() - selections.since(name)
    assert abs(ago - timedelta(hours=hours)) < timedelta(minutes=1)


def test_so_many_bodies_are_read_and_not_one_more(three: list[DeadLetter]) -> None:
    Selection(fields=("data",)).check_readable(3)
    Selection().check_readable(2)  # reads none
    with pytest.raises(TooManyToReadError):
        Selection(fields=("data",)).check_readable(2)


def test_a_letter_that_is_settled_while_bodies_are_read_is_left_out(
    three: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "STEP", 1)
    told: list[int] = []

    def settle(read: int) -> None:
        told.append(read)
        DeadLetter.objects.filter(pk=three[1].pk).update(state="resolved")

    assert [*Selection().pages(settle)] == [[three[0]], [], [three[2]]]
    assert told == [1, 1, 1]
