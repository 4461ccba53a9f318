"""How many rows a page shows of what there is more of, and which ones."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from dlq_review.desk import edit_many_views, group_views
from dlq_review.models import (
    AuditEntry,
    DeadLetter,
    FailureGroup,
    Operation,
    OperationItem,
    RaisedAlert,
)
from processing.models import User
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review import desk_pages as pages
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db


def shown(client: Client, url: str, name: str) -> Any:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.context[name]


def operation(**fields: Any) -> Operation:
    plan = {"kind": "redrive", "state": "done", "cutoff": timezone.now(), **fields}
    return Operation.objects.create(**plan)


def with_items(states: Iterable[tuple[str, str]]) -> Operation:
    """An operation with an item for each state and reason."""
    dead_letter()  # so that no item has the number of its letter
    made = operation(total=5)
    OperationItem.objects.bulk_create(
        OperationItem(
            operation=made, letter=dead_letter(), revision=0, state=state, why=why
        )
        for state, why in states
    )
    return made


def at(found: Model) -> str:
    return f"/admin/dlq_review/{found._meta.model_name}/{found.pk}/change/"


@pytest.mark.parametrize(
    ("about", "most"),
    [
        (operation, 30),
        (policy, 30),
        (lambda: dead_letter(attributes=failure()).group, 20),
    ],
)
def test_the_newest_entries_of_a_trail_are_shown(
    desk: Client, about: Callable[[], Any], most: int
) -> None:
    found = about()
    for number in range(most + 1):
        AuditEntry.note(found, AuditEntry.Verb.STEERED, after=str(number))
    told = [one.after for one in shown(desk, at(found), "trail")]
    assert told == [str(number) for number in range(most, 0, -1)]


def test_the_last_that_failed_again_are_shown_before_the_last_skipped(
    desk: Client,
) -> None:
    states = [*[("failed_again", "")] * 26, ("skipped", "first"), ("skipped", "last")]
    made = with_items(states)
    items = [one.pk for one in made.items.order_by("pk")]
    troubled = [one.pk for one in shown(desk, at(made), "troubled")]
    assert troubled == [*items[25:0:-1], items[27], items[26]]


def test_the_first_letters_of_each_result_and_of_a_draft_are_shown(
    desk: Client,
) -> None:
    made = with_items([("processed", "")] * 11)
    letters = [one.letter_id for one in made.items.order_by("pk")]
    ((state, number, _, items),) = shown(desk, at(made), "results")
    assert (state, number) == ("processed", 11)
    assert [one.letter_id for one in items] == letters[:10]
    Operation.objects.update(state="draft")
    first = shown(desk, at(made), "first")
    assert [one.letter_id for one in first] == letters[:10]


def test_the_commonest_reasons_come_first_and_those_alike_by_their_words(
    desk: Client,
) -> None:
    whys = [f"why {number:02}" for number in range(20, -1, -1)]
    made = with_items(("skipped", why) for why in [*whys, "why 20", ""])
    reasons = shown(desk, at(made), "reasons")
    common = [f"why {number:02}" for number in (20, *range(19))]
    assert [one["why"] for one in reasons] == common
    assert [one["count"] for one in reasons] == [2] + [1] * 19
    first = made.items.filter(why="why 20").order_by("letter_id")[0]
    assert reasons[0]["one"] == first.letter_id


def test_the_last_runs_of_a_policy_are_shown(desk: Client) -> None:
    found = policy()
    runs = [operation(policy=found, state="cancelled").pk for _ in range(21)]
    told = [run.pk for run, _ in shown(desk, at(found), "runs")]
    assert told == runs[:0:-1]


def test_the_newest_waiting_letters_of_a_group_are_shown(desk: Client) -> None:
    at_first = timezone.now()
    letters = [
        dead_letter(
            attributes=failure(failed_at=(at_first + timedelta(seconds=n)).isoformat())
        )
        for n in range(12)
    ]
    DeadLetter.objects.filter(pk=letters[11].pk).update(state="redriven")
    told = shown(desk, at(letters[0].group), "letters")
    assert [one.pk for one in told] == [one.pk for one in letters[10:0:-1]]


def test_the_latest_groups_of_its_queue_are_offered_to_merge_a_group_into(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_views, "MOST_CHOICES", 2)
    groups = [
        dead_letter(attributes=failure(error_type=f"Error{number}")).group
        for number in range(6)
    ]
    for hours, group in enumerate(groups):
        seen = timezone.now() - timedelta(hours=hours)
        FailureGroup.objects.filter(pk=group.pk).update(last_seen=seen)
    FailureGroup.objects.filter(pk=groups[1].pk).update(queue="signups")
    FailureGroup.objects.filter(pk=groups[2].pk).update(merged_into=groups[5])
    told = [one.pk for one in shown(desk, at(groups[0]), "others")]
    assert told == [groups[3].pk, groups[4].pk]


def test_the_next_redrives_to_be_sent_can_be_undone_in_the_list(
    desk: Client, client_of: Callable[..., Client]
) -> None:
    soon = timezone.now() + timedelta(seconds=60)
    letters = [dead_letter() for _ in range(6)]
    for number, letter in enumerate(letters):
        after = soon - timedelta(seconds=number)
        DeadLetter.objects.filter(pk=letter.pk).update(
            state="claimed", send_after=after, claimed_at=soon
        )
    told = shown(desk, pages.LIST, "undoable")
    assert [one.pk for one in told] == [one.pk for one in letters[:0:-1]]
    reader = client_of("view", name="reader")
    assert not shown(reader, pages.LIST, "undoable")


def test_the_largest_groups_stand_on_the_first_page(desk: Client) -> None:
    for number in range(8):
        group = dead_letter(attributes=failure(error_type=f"Error{number}")).group
        FailureGroup.objects.filter(pk=group.pk).update(waiting=number * 10)
    told = [(one.waiting, part) for one, part in shown(desk, "/admin/", "top")]
    shares = (100.0, 85.7, 71.4, 57.1, 42.9, 28.6)
    assert told == [*zip(range(70, 10, -10), shares, strict=True)]
    FailureGroup.objects.update(waiting=0)
    assert shown(desk, "/admin/", "top") == []


@pytest.mark.parametrize(("lasting", "more"), [(20, False), (21, True)])
def test_the_newest_lasting_alerts_are_shown_and_that_there_are_more(
    admin_client: Client, lasting: int, more: bool
) -> None:
    now = timezone.now()
    for number in range(lasting):
        RaisedAlert.objects.create(
            kind="growth",
            name=f"growth/{number}",
            began_at=now - timedelta(hours=number),
            at=now,
            seen_at=now,
        )
    names = [one.name for one in shown(admin_client, pages.ALERTS, "lasting")]
    assert names == [f"growth/{number}" for number in range(20)]
    assert shown(admin_client, pages.ALERTS, "more_last") is more


def test_so_many_colleagues_can_be_given_a_group(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlq_review.desk.group_list.MOST_COLLEAGUES", 3)
    for number in range(4):
        User.objects.create(
            username=f"eva{number}", is_staff=True, is_active=True, is_superuser=True
        )
    assert len(shown(desk, pages.GROUPS, "colleagues")) == 3


def test_the_commonest_wrong_values_are_offered_and_how_many_more_there_are(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_many_views, "MOST_VALUES", 2)
    bodies = {"euros": 1, "yen": 3, "pounds": 2, "francs": 1}
    for value, times in bodies.items():
        for _ in range(times):
            body = order_created().body.replace('"EUR"', f'"{value}"')
            group = dead_letter(body, attributes=failure()).group_id
    url = f"{pages.OPERATIONS}edit/?group={group}"
    told = [(one["text"], one["letters"]) for one in shown(desk, url, "values")]
    assert told == [("yen", 3), ("pounds", 2)]
    assert shown(desk, url, "others") == 2


@pytest.mark.parametrize(("sample", "more"), [(2, True), (3, False)])
def test_the_edit_of_many_reads_the_newest_and_says_that_there_are_more(
    desk: Client, monkeypatch: pytest.MonkeyPatch, sample: int, more: bool
) -> None:
    monkeypatch.setattr(edit_many_views, "SAMPLE", sample)
    for _ in range(3):
        body = order_created().body.replace('"EUR"', '"euros"')
        group = dead_letter(body, attributes=failure()).group_id
    url = f"{pages.OPERATIONS}edit/?group={group}"
    assert shown(desk, url, "sample") == min(sample, 3)
    assert shown(desk, url, "more") is more


def test_it_is_told_why_letters_were_edited_and_not_sent(desk: Client) -> None:
    states = ("skipped", "fixed", "processed")
    made = with_items((state, f"why {state}") for state in states)
    reasons = shown(desk, at(made), "reasons")
    assert [one["why"] for one in reasons] == ["why fixed", "why skipped"]
