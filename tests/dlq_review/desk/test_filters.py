"""What each filter of a list offers, in words and in order, and what is chosen without it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Model
from django.test import Client, RequestFactory

from dlq_review import models
from dlq_review.desk import list_filters
from dlq_review.letters import settlement
from dlq_review.models import FailureGroup
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.models import User
from processing.sqs.topology import QUEUES
from tests.builders import dead_letter, failure
from tests.dlq_review.desk_pages import LIST

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
TYPES = (
    "order created, order updated, order returned, signup requested, email requested"
)
YES_NO = "Yes, No"
OFFERED: dict[type[Model], dict[str, str]] = {
    models.DeadLetter: {
        "state": "Waiting for us, Open, Quarantined, Being sent, Redriven, Resolved, "
        "Discarded, Overdue, Near or past the SQS limit, All",
        "queue": ", ".join(QUEUES),
        "type": TYPES,
        "failed since": "Last 1h, Last 3h, Last 24h, Last 7d, Last 14d",
        "owner": "Mine, Nobody's, Somebody's",
        "edited": YES_NO,
        "redriven": YES_NO,
    },
    models.FailureGroup: {
        "state": "Open, Acknowledged, Resolved, Regressed, All",
        "queue": ", ".join(QUEUES),
        "type": TYPES,
        "owner": "Mine, Nobody's, Somebody's",
        "new": "Since I last looked",
        "edited": YES_NO,
        "redriven": YES_NO,
        "sorted by": "Most waiting, First failure, the newest, Oldest accepted",
    },
    models.AuditEntry: {
        "who": "Holdfast itself",
        "day": "Today, Yesterday",
    },
}


def offered(model: type[Model], **asked: str) -> dict[str, list[tuple[str, Any]]]:
    """The choices of each filter of the list of *model* that offers any, by its title."""
    staff = admin.site._registry[model]
    request = RequestFactory().get("/admin/", asked)
    request.user = User(username="ada", is_superuser=True, is_staff=True)
    found: dict[str, list[tuple[str, Any]]] = {}
    for kind in staff.get_list_filter(request):
        if isinstance(kind, type) and issubclass(kind, SimpleListFilter):
            params = {name: [value] for name, value in asked.items()}
            shown = kind(request, params, model, staff)
            if shown.lookup_choices:
                found[str(shown.title)] = [*shown.lookup_choices]
    return found


@pytest.mark.parametrize("model", OFFERED)
def test_a_filter_offers_what_can_be_chosen_in_words(model: type[Model]) -> None:
    with time_machine.travel(NOW):
        found = offered(model)
    assert {
        title: ", ".join(str(words) for _, words in choices)
        for title, choices in found.items()
    } == OFFERED[model]


def group(number: int, **values: str) -> FailureGroup:
    at = NOW
    return FailureGroup.objects.create(
        fingerprint=f"{number:064}",
        queue="orders",
        first_seen=at,
        last_seen=at,
        **values,
    )


def test_an_error_of_several_groups_is_offered_once_and_by_its_letter() -> None:
    for number, error in enumerate(("ErrorB", "ErrorA", "ErrorB", "ErrorC")):
        group(number, error_type=error)
    names = ["ErrorA", "ErrorB", "ErrorC"]
    assert offered(models.DeadLetter)["error"] == [(name, name) for name in names]


def test_so_many_errors_are_offered_and_no_more() -> None:
    for number in range(51):
        group(number, error_type=f"Error{number:02}")
    names = [name for name, _ in offered(models.DeadLetter)["error"]]
    assert names == [f"Error{number:02}" for number in range(50)]
    assert list_filters.ErrorFilter.title == "error"


def test_releases_are_offered_the_newest_first_with_the_one_asked_for() -> None:
    for number in range(32):
        group(number, release=f"r{number:02}", error_type="E")
    group(40, release="r00", error_type="E")
    group(41, release="", error_type="E")
    newest = ["r00", *(f"r{number:02}" for number in range(31, 2, -1))]
    assert [name for name, _ in offered(models.DeadLetter)["release"]] == newest
    asked = offered(models.FailureGroup, release="r01")["release"]
    assert [name for name, _ in asked] == [*newest, "r01"]


def test_the_people_and_the_day_asked_for_are_offered() -> None:
    User.objects.create(username="zoe", is_staff=True)
    User.objects.create(username="ada", is_staff=True)
    User.objects.create(username="a customer")
    with time_machine.travel(NOW):
        found = offered(models.AuditEntry, who="of-gone", day="2026-11-02")
        today = offered(models.AuditEntry, day="2026-11-20")["day"]
    assert found["who"] == [
        *(("of-ada", "ada"), ("of-zoe", "zoe"), ("of-gone", "gone")),
        ("machine", "Holdfast itself"),
    ]
    assert found["day"] == [
        ("2026-11-02", "2026-11-02"),
        ("2026-11-20", "Today"),
        ("2026-11-19", "Yesterday"),
    ]
    assert today == [("2026-11-20", "Today"), ("2026-11-19", "Yesterday")]


@pytest.mark.parametrize(
    ("query", "states"),
    [
        ("", {"open"}),
        ("type=order_created", {"open"}),
        ("error=OrderExistsError", {"open"}),
        ("q=TEA-1", {"open", "resolved", "discarded"}),
        ("group={group}", {"open", "resolved", "discarded"}),
        ("operation={operation}", {"open", "resolved", "discarded"}),
        ("operation={operation}-processed", {"resolved"}),
        ("operation={operation}-processed&state=waiting", set()),
    ],
)
def test_only_what_a_link_leads_to_is_listed_in_every_state(
    desk: Client, query: str, states: set[str]
) -> None:
    letters = [dead_letter(attributes=failure()) for _ in range(3)]
    operation = plans.freeze(Selection(), Plan(), by="ada", reason="x")
    settlement.resolve(letters[0], by="ada", reason="x")
    settlement.discard(letters[1], by="ada", reason="x")
    operation.items.filter(letter=letters[0]).update(state="processed")
    asked = query.format(group=letters[0].group_id, operation=operation.pk)
    listed = desk.get(f"{LIST}?{asked}").context["cl"].result_list
    assert {one.state for one in listed} == states
