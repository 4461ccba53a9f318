"""Whoever follows a number comes to a list of just so many."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from dlq_review.groups import merge
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup
from tests.builders import dead_letter, failure, redrive_now
from tests.dlq_review.desk_pages import GROUPS, html

pytestmark = pytest.mark.django_db

_LINK = re.compile(
    r'<a [^>]*?href="([^"]*)"[^>]*>(?:<b>)?([\d,]+)(?:</b>)? ([^<]*)</a>'
)


def numbers(client: Client, url: str) -> dict[str, tuple[int, str]]:
    """The number and the address of each link that begins with a number, by its words."""
    found = _LINK.findall(html(client, url))
    return {
        words: (int(number), unescape(to))
        for to, number, words in found
        # The title of a group may begin with a number, and so may the length of a window.
        if "failuregroup" not in to and not to.startswith("?over=")
    }


def rows(client: Client, url: str) -> int:
    return html(client, url).count("<tr data-row>")


def failed(ago: timedelta, **changes: object) -> DeadLetter:
    """A dead letter that failed so long ago."""
    at = timezone.now() - ago
    letter = dead_letter(attributes=failure(failed_at=at.isoformat()))
    DeadLetter.objects.filter(pk=letter.pk).update(**changes)
    letter.refresh_from_db()
    return letter


def some_of_each_kind() -> None:
    now, hour = timezone.now(), timedelta(hours=1)
    for minutes in (1, 59, 61, 119, 121, 179, 181, 60 * 23, 60 * 25, 60 * 24 * 6):
        failed(timedelta(minutes=minutes))
    failed(hour, expires_at=now + 23 * hour)
    failed(hour, expires_at=now - hour)
    failed(hour, state="quarantined", expires_at=now + hour)
    dead_letter("no event")
    for sent_ago in (0.5, 2, 48):
        letter = failed(hour / 2)
        redrive_now(letter, by="ada")
        at = now - sent_ago * hour
        DeadLetter.objects.filter(pk=letter.pk).update(redriven_at=at)
    settlement.discard(failed(hour / 3), by="ada", reason="x")
    settlement.resolve(failed(hour / 3), by="ada", reason="x")
    twice = failed(hour / 4)
    dead_letter(
        twice.revisions.get().body, attributes=failure(failed_at=now.isoformat())
    )
    other = dead_letter(attributes=failure(error_type="OtherError")).group
    merge.merge(other, twice.group, by="ada", reason="the same")


def test_each_number_of_the_overview_leads_to_a_list_of_so_many(
    desk: Client, sqs: None
) -> None:
    some_of_each_kind()
    tiles = numbers(desk, "/admin/")
    assert {words: number for words, (number, _) in tiles.items()} == {
        "waiting for us": 16,
        "failed in the last 3 h": 16,
        "redriven, awaiting their outcome": 3,
        "overdue": 2,
        "near or past their SQS limit": 3,
    }
    assert {words: rows(desk, to) for words, (_, to) in tiles.items()} == {
        words: number for words, (number, _) in tiles.items()
    }


def test_each_number_of_a_group_leads_to_a_list_of_so_many(
    desk: Client, sqs: None
) -> None:
    some_of_each_kind()
    group = FailureGroup.objects.order_by("-waiting")[0]
    for url in (GROUPS, f"{GROUPS}{group.pk}/change/"):
        windows = {
            words: found
            for words, found in numbers(desk, url).items()
            if f"group={group.pk}&" in found[1] and "/common/" not in found[1]
        }
        assert windows.keys() == {"in 1h", "in 3h", "in 24h", "in 7d"}
        for number, to in windows.values():
            assert rows(desk, to) == number
        assert windows["in 1h"][0] < windows["in 3h"][0] < windows["in 24h"][0]


def test_what_a_letters_page_says_of_others_like_it_is_a_list_of_so_many(
    desk: Client, sqs: None
) -> None:
    some_of_each_kind()
    group = FailureGroup.objects.order_by("-waiting")[0]
    letter = group.letters.filter(state="open")[0]
    page = f"/admin/dlq_review/deadletter/{letter.pk}/change/"
    number, to = numbers(desk, page)["waiting"]
    assert number == group.waiting == rows(desk, to) > 10


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("", "Waiting for us"),
        ("group={}", "All"),
        ("q=x", "All"),
        ("group={}&state=waiting", "Waiting for us"),
        ("state=overdue", "Overdue"),
        ("state=nonsense", "Waiting for us"),
    ],
)
def test_the_list_names_the_states_that_it_shows(
    desk: Client, query: str, chosen: str
) -> None:
    query = query.format(dead_letter().group_id)
    text = html(desk, f"/admin/dlq_review/deadletter/?{query}")
    assert f"<summary>State: <b>{chosen}</b></summary>" in text


def test_more_than_the_most_that_are_counted_are_told_with_a_plus(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where in ("monitoring.failure_rates", "desk.group_views"):
        monkeypatch.setattr(f"dlq_review.{where}.MOST", 2)
    for _ in range(3):
        failed(timedelta())
    assert "<b>2+</b> in 1h" in html(desk, GROUPS)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("", {"open", "acknowledged", "regressed", "resolved, one waits"}),
        ("open", {"open"}),
        ("acknowledged", {"acknowledged"}),
        ("regressed", {"regressed"}),
        ("resolved", {"resolved", "resolved, one waits"}),
        (
            "all",
            {"open", "acknowledged", "regressed", "resolved", "resolved, one waits"},
        ),
    ],
)
def test_the_inbox_shows_the_groups_of_the_chosen_state(
    desk: Client, state: str, shown: set[str]
) -> None:
    for name in ("open", "acknowledged", "regressed", "resolved"):
        group = dead_letter(attributes=failure(error_type=name)).group
        FailureGroup.objects.filter(pk=group.pk).update(state=name, waiting=0)
    hidden = dead_letter(attributes=failure(error_type="resolved, one waits")).group
    FailureGroup.objects.filter(pk=hidden.pk).update(state="resolved")
    answer = desk.get(f"{GROUPS}?state={state}")
    listed = {one["group"].error_type for one in answer.context["groups"]}
    assert listed == shown


@pytest.mark.parametrize(
    ("query", "column"),
    [("error={}", "error_type"), ("queue={}", "queue"), ("type={}", "type")],
)
def test_a_filter_shows_just_what_is_named_so(
    desk: Client, query: str, column: str
) -> None:
    letter = dead_letter(attributes=failure())
    value = getattr(letter, column)
    for other in (f"{value}s", f"x{value}", value[:-1], value.upper()):
        changed = dead_letter(attributes=failure())
        DeadLetter.objects.filter(pk=changed.pk).update(**{column: other})
    assert rows(desk, f"/admin/dlq_review/deadletter/?{query.format(value)}") == 1
    assert rows(desk, "/admin/dlq_review/deadletter/") == 5


def test_a_letters_page_leads_to_the_next_newer_and_the_next_older(
    desk: Client,
) -> None:
    queues = ("orders", "emails", "orders", "orders", "signups")
    hours = [
        failed(timedelta(hours=number), queue=queue).pk
        for number, queue in enumerate(queues)
    ]
    settlement.discard(DeadLetter.objects.get(pk=hours[3]), by="ada", reason="x")
    page = "/admin/dlq_review/deadletter/{}/change/"
    found = [desk.get(page.format(number)).context["place"] for number in hours]
    neighbours = [
        tuple(one and one.pk for one in (place.newer, place.older)) for place in found
    ]
    assert neighbours == [
        (None, hours[1]),
        (hours[0], hours[2]),
        (hours[1], hours[4]),
        (hours[2], hours[4]),
        (hours[2], None),
    ]
