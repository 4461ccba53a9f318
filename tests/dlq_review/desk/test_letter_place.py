"""n of 26: the place of a letter in the list that one came from, and its neighbours there."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import quote, urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dlq_review.desk import letter_place
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS, html, page

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def five() -> list[DeadLetter]:
    """The newest first: two of one group, a resolved one of it, and two of another."""
    letters = []
    for number, error in enumerate(["A", "A", "A", "B", "B"]):
        event = order_created(order_id=f"SHOP-{number}", customer_id=f"C-{error}")
        letter = dead_letter(event, attributes=failure(error_type=f"{error}Error"))
        at = NOON - timedelta(minutes=number)
        DeadLetter.objects.filter(pk=letter.pk).update(last_failed_at=at)
        letter.refresh_from_db()
        letters.append(letter)
    settlement.resolve(letters[2], by="ada", reason="by phone")
    return letters


def opened(client: Client, letter: DeadLetter, query: str) -> str:
    return unescape(html(client, f"{page(letter)}?{urlencode({'list': query})}"))


def told(text: str) -> tuple[str, list[int]]:
    """What the page says of the place, and the numbers of the neighbours."""
    part = re.search(r'class="neighbours">(.*?)</span>\s*</div>', text, re.DOTALL)
    assert part
    words = re.search(r"<span>(.*?)</span>", part[0])
    return words[1] if words else "", [
        int(number) for number in re.findall(rf"{LIST}(\d+)/change/", part[0])
    ]


@pytest.mark.parametrize(
    ("query", "at", "words", "neighbours"),
    [
        ("state=waiting", 0, "1 of 4", [1]),
        ("state=waiting", 1, "2 of 4", [0, 3]),
        ("state=all", 2, "3 of 5", [1, 3]),
        ("state=waiting", 2, "no longer in the list of 4", [1, 3]),
        ("error=AError&state=waiting", 1, "2 of 2", [0]),
        ("group={group}", 1, "2 of 3", [0, 2]),
        ("q=C-B", 4, "2 of 2", [3]),
        ("q=C-B&state=waiting&before=x_1", 3, "1 of 2", [4]),
        ("field=data.customer_id%3DC-B", 3, "1 of 2", [4]),
        ("", 2, "", [1, 3]),
        ("q=nothing", 0, "no longer in the list of 0", []),
    ],
)
def test_a_letter_has_its_place_in_the_list_one_came_from(
    desk: Client,
    five: list[DeadLetter],
    query: str,
    at: int,
    words: str,
    neighbours: list[int],
) -> None:
    text = opened(desk, five[at], query.format(group=five[0].group_id))
    expected = [five[number].pk for number in neighbours]
    assert told(text) == (words, expected)


def test_a_neighbour_is_opened_as_one_of_the_same_list(
    desk: Client, five: list[DeadLetter]
) -> None:
    text = opened(desk, five[1], "state=waiting")
    links = re.findall(r'rel="(prev|next)" href="([^"]+)"', text)
    kept = "?list=state%3Dwaiting"
    assert links == [
        ("prev", f"{page(five[0])}{kept}"),
        ("next", f"{page(five[3])}{kept}"),
    ]


def test_a_neighbour_is_told_by_its_name_to_who_hears_the_page(
    desk: Client, five: list[DeadLetter]
) -> None:
    text = opened(desk, five[1], "state=waiting")
    for name, other in (("newer", five[0]), ("older", five[3])):
        assert f'aria-label="{name}: {other}">' in text


def test_the_place_far_down_is_counted_no_further_than_a_page_counts(
    desk: Client, five: list[DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_place, "MOST_COUNTED", 2)
    monkeypatch.setattr("processing.staff.capped_paginator.MOST_COUNTED", 2)
    words = [told(opened(desk, one, "state=all"))[0] for one in five]
    assert words == ["1 of 2+", "2 of 2+"] + ["over 2 of 2+"] * 3


@pytest.mark.parametrize(
    "query",
    ["%00", "q=%00", "a" * 3_000, "state=x&group=x", "foo__bar=1", "p=9", "o=1.2", "="]
    + ["field=%28%28", "operation=9-x", "_facets=True", "since=7d&queue=x", "q=%ED%A0"]
    + ["_to_field=x", "_to_field="],
)
def test_a_list_that_is_none_leads_to_a_page(
    desk: Client, five: list[DeadLetter], query: str
) -> None:
    told(opened(desk, five[1], query))


def test_pages_with_letters_name_their_list(
    desk: Client, five: list[DeadLetter]
) -> None:
    letter = five[1]
    operation = plans.freeze(Selection(ids=[str(letter.pk)]), Plan(), by="ada")
    for url, query in (
        (LIST, "state=waiting"),
        (f"{LIST}?error=AError", "error=AError"),
        (f"{LIST}?error=AError&after=x_1", "error=AError"),
        (
            f"{GROUPS}{letter.group_id}/change/",
            f"group={letter.group_id}&state=waiting",
        ),
        (f"{OPERATIONS}{operation.pk}/change/", f"operation={operation.pk}"),
    ):
        link = f'href="{page(letter)}?list={quote(query)}"'
        assert link in html(desk, url), url


def test_what_is_done_on_the_page_keeps_the_place(
    desk: Client, five: list[DeadLetter]
) -> None:
    there = "?list=error%3DAError"
    text = opened(desk, five[0], "error=AError")
    actions = set(
        re.findall(rf'(?:action|href)="{page(five[0], "")[:-1]}([^"]+)"', text)
    )
    assert {f"{one}/{there}" for one in ("redrive", "edit", "discard", "rehearse")} <= (
        actions
    )
    assert f'href="{LIST}?error=AError"' in text
    said = {"reason": "x", "revision": 0}
    answer = desk.post(page(five[0], "discard") + there, said)
    assert answer["Location"] == page(five[0]) + there
    answer = desk.post(page(five[1], "redrive") + there, said)
    assert answer["Location"] == page(five[1]) + there


def test_who_may_not_see_bodies_has_the_neighbours_of_their_own_list(
    client_of: ClientOf, five: list[DeadLetter]
) -> None:
    viewer = client_of("view", name="eve")
    words, neighbours = told(opened(viewer, five[0], "q=TEA-1"))
    assert (words, neighbours) == ("no longer in the list of 0", [])


def test_a_resolved_letter_tells_its_error_as_what_was(
    desk: Client, five: list[DeadLetter]
) -> None:
    was = '<p class="lead was">was: <b>AError</b>'
    assert was in html(desk, page(five[2]))
    assert "was: <b>" not in html(desk, page(five[1]))
    assert 'class="why was">was: <b>AError</b>' in html(desk, f"{LIST}?state=resolved")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL")
@pytest.mark.parametrize("query", ["state=all", "group={group}", "q=C-B"])
def test_no_letter_is_scanned_for_a_place(
    desk: Client, five: list[DeadLetter], query: str
) -> None:
    with CaptureQueriesContext(connection) as asked:
        opened(desk, five[1], query.format(group=five[0].group_id))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for one in asked:
            if one["sql"].startswith("SELECT") and "deadletter" in one["sql"]:
                cursor.execute(f"EXPLAIN {one['sql']}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Seq Scan on dlq_review_deadletter" not in plan, one["sql"]


@pytest.mark.parametrize("step", ["rehearse", "reveal"])
@pytest.mark.parametrize("list_query", ["", "?list=state%3Dall"])
def test_the_answer_to_a_step_looks_for_news_at_the_page_of_the_letter(
    desk: Client, step: str, list_query: str
) -> None:
    letter = dead_letter()
    state = {"rehearse": "open", "reveal": "claimed"}[step]
    type(letter).objects.filter(pk=letter.pk).update(state=state)
    answer = desk.post(f"{page(letter, step)}{list_query}")
    text = answer.content.decode()
    here = f"{page(letter)}{list_query}"
    fresh = re.findall(r'data-fresh="([^"]*)"', text)
    reloads = re.findall(r'content="6; url=([^"]*)"', text)
    assert set(fresh) == {here}
    assert reloads == ([here] if state == "claimed" else [])
