"""What is just inside and just outside of what a page of the desk shows, counts or takes."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
import time_machine
from django.test import Client, RequestFactory
from django.utils import timezone

from dlq_review.desk import group_list, letter_place, overview, searched
from dlq_review.desk.facet_views import ShownValue
from dlq_review.desk.unfit_values import MOST_WORDS
from dlq_review.facets.card import Value
from dlq_review.groups.last_look import look
from dlq_review.models import AuditEntry, DeadLetter, LifeSign
from processing.models import User
from tests.builders import dead_letter, failure
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
WORDS = "a " * MOST_WORDS
#: How many rows, letters or characters each part of the desk shows, reads or takes.
MOST: dict[str, int] = {
    "alert_list.MOST_LASTING": 20,
    "audit_list.MOST_PEOPLE": 50,
    "edit_many_views.LONGEST_NEW": 1_000,
    "edit_many_views.SAMPLE": 500,
    "edit_marks.MOST_LINES": 1_500,
    "example_views.CANARY": 5,
    "example_views.SAMPLE": 200,
    "facet_views.FIRST": 8,
    "facet_views.OF_GROUP": 200,
    "freezing.MOST_READ": 20_000,
    "group_filters.FEW": 500,
    "group_filters.MOST_RELEASES": 30,
    "group_list.MOST_COLLEAGUES": 300,
    "group_list.MOST_NEW": 1_000,
    "group_verdict.MOST": 1_000,
    "group_views.MOST_CHOICES": 100,
    "group_views.MOST_COUNTED": 10_000,
    "group_views.SAMPLE": 5,
    "idle_sessions.NOTED_EVERY": 20,
    "letter_page.MOST": 20,
    "letter_place.LONGEST": 2_000,
    "operation_page.LISTED": 10,
    "operation_page.MOST_REASONS": 20,
    "outside_links.MOST": 5,
    "policy_form.LONGEST": 366,
    "policy_views.SHOWN": 20,
    "unfit_values.MOST_WORDS": 200,
}


@pytest.mark.parametrize("name", MOST)
def test_a_part_of_the_desk_keeps_to_its_limit(name: str) -> None:
    module, _, constant = name.partition(".")
    found = getattr(import_module(f"dlq_review.desk.{module}"), constant)
    assert found == MOST[name]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"q": WORDS}, 200),
        ({"q": f"{WORDS}b"}, 400),
        ({"q": [f"{WORDS}b", "a"]}, 400),
        ({"q": ["a", f"{WORDS}b"]}, 400),
        ({"a\0": "b"}, 400),
        ({"state": ["\0", "open"]}, 400),
    ],
)
def test_a_search_has_so_many_words_and_no_name_or_value_has_a_nul(
    desk: Client, query: dict[str, str | list[str]], status: int
) -> None:
    assert desk.get(LIST, query).status_code == status


def test_a_form_has_no_nul_either(desk: Client) -> None:
    for form in ({"reason": "a\0"}, {"a\0": "b"}, {"reason": ["\0", "b"]}):
        assert desk.post(f"{OPERATIONS}new/", form).status_code == 400


@pytest.mark.parametrize("more", [0, 1])
def test_the_query_of_a_list_is_kept_up_to_its_longest(
    rf: RequestFactory, more: int
) -> None:
    query = "q=" + "a" * (letter_place.LONGEST - 2 + more)
    kept = letter_place.list_query(rf.get("/", {"list": query}))
    assert kept == ("" if more else query)


@pytest.mark.parametrize(
    ("share", "percent", "beside", "words"),
    [
        (0.666, 67, None, "not stored"),
        (0.664, 66, 0.0, "never"),
        (1.0, 100, 0.001234, "0.123 %"),
        (0.0, 0, 1.0, "100 %"),
    ],
)
def test_shares_are_told_in_percent(
    share: float, percent: int, beside: float | None, words: str
) -> None:
    shown = ShownValue(Value("x", 1, share, beside, ""), "", "")
    assert (shown.percent, shown.beside) == (percent, words)


@pytest.mark.parametrize(("letters", "told"), [(1, "1"), (2, "2+"), (3, "2+")])
def test_the_overview_counts_no_further_than_anybody_needs(
    desk: Client, monkeypatch: pytest.MonkeyPatch, letters: int, told: str
) -> None:
    monkeypatch.setattr(overview, "_MOST", 2)
    for _ in range(letters):
        dead_letter()
    assert desk.get("/admin/").context["lately"] == told


def test_the_charts_of_the_overview_reach_a_day_and_a_fortnight_back(
    desk: Client,
) -> None:
    with time_machine.travel(NOW, tick=False):
        for hours in (0, 23, 25, 13 * 24, 15 * 24):
            at = (NOW - timedelta(hours=hours)).isoformat()
            dead_letter(attributes=failure(failed_at=at))
        for name in ("b", "a", "c"):
            LifeSign.objects.create(name=name, at=NOW)
        shown = desk.get("/admin/").context
    assert shown["day"].legend == [(0, "orders", 2)]
    assert shown["fortnight"].legend == [(0, "orders", 4)]
    days = [label for _, label in shown["fortnight"].labels]
    assert days[0] == "07 Nov"
    assert all(label.endswith(":00") for _, label in shown["day"].labels)
    assert [one.name for one in shown["signs"]] == ["a", "b", "c"]


@pytest.mark.parametrize(("most", "told"), [(1, "1+"), (2, "2+"), (3, "2")])
def test_new_groups_are_counted_no_further_than_their_most(
    desk: Client, monkeypatch: pytest.MonkeyPatch, most: int, told: str
) -> None:
    monkeypatch.setattr(group_list, "MOST_NEW", most)
    look(User.objects.get(username="ada"), timezone.now())
    for error in "AB":
        dead_letter(attributes=failure(error_type=error))
    assert desk.get(GROUPS).context["new"] == told


@pytest.mark.parametrize(("most", "told"), [(1, "1+"), (2, "2+"), (3, "2")])
def test_what_a_search_would_freeze_is_counted_no_further_than_its_most(
    desk: Client, monkeypatch: pytest.MonkeyPatch, most: int, told: str
) -> None:
    monkeypatch.setattr(searched, "MOST_COUNTED", most)
    for _ in range(2):
        dead_letter()
    found = desk.get(f"{OPERATIONS}new/?q=TEA-1").context["searched"]
    assert (found.text, found.found) == ("TEA-1", told)
    asked = f"{OPERATIONS}new/?q=TEA-1&field=data.currency%3DEUR"
    assert desk.get(asked).context["searched"].found == ""


@pytest.mark.parametrize(
    ("day", "shown"), [("19", ["before"]), ("20", ["last", "first"]), ("21", ["after"])]
)
def test_a_day_of_the_audit_begins_and_ends_at_midnight_utc(
    admin_client: Client, day: str, shown: list[str]
) -> None:
    midnight, second = datetime(2026, 11, 20, tzinfo=UTC), timedelta(seconds=1)
    moments = {
        "before": midnight - second,
        "first": midnight,
        "last": midnight + timedelta(days=1) - second,
        "after": midnight + timedelta(days=1),
    }
    for name, at in moments.items():
        with time_machine.travel(at, tick=False):
            AuditEntry.note(None, AuditEntry.Verb.TESTED, by="ada", after=name)
    url = f"/admin/dlq_review/auditentry/?day=2026-11-{day}"
    folds = admin_client.get(url).context["folds"]
    assert [fold.first.after for fold in folds] == shown


def test_a_letter_whose_redrive_is_not_heard_of_is_among_the_overdue_alone(
    desk: Client,
) -> None:
    letter = dead_letter()
    long_ago = timezone.now() - timedelta(days=9)
    DeadLetter.objects.filter(pk=letter.pk).update(
        state="redriven", redriven_at=long_ago, expires_at=long_ago, redrives=1
    )
    shown = desk.get("/admin/").context
    assert (shown["overdue"], shown["soon"], shown["oldest"]) == ("1", "0", None)
