"""The list by place: every letter once, at any depth, whatever arrives meanwhile."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from dlq_review.admin import DeadLetterAdmin
from dlq_review.desk import overview
from dlq_review.models import DeadLetter
from dlq_review.search.keyset_pages import Cursor
from tests.builders import dead_letter, order_created
from tests.dlq_review.desk_pages import LIST, html

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STATES = ("open", "resolved", "quarantined", "open", "claimed", "discarded", "redriven")


@pytest.fixture
def seven(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of seven letters in all states, the newest first; two on a page.

    Three of them failed at the very same moment.
    """
    monkeypatch.setattr(DeadLetterAdmin, "list_per_page", 2)
    for number, state in enumerate(STATES):
        at = NOON + timedelta(minutes=max(number, 2) if number < 5 else number)
        letter = dead_letter()
        DeadLetter.objects.filter(pk=letter.pk).update(
            state=state, last_failed_at=at, first_failed_at=at
        )
    return list(DeadLetter.objects.values_list("pk", flat=True))


def shown(text: str) -> list[int]:
    found = re.findall(rf'<th scope="row"><a href="{LIST}(\d+)/change/', text)
    return [int(number) for number in found]


def linked(text: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    return LIST + unescape(found[1]) if found else ""


def walk(client: Client, url: str, rel: str) -> list[list[int]]:
    pages = []
    while url:
        text = html(client, url)
        pages.append(shown(text))
        url = linked(text, rel)
    return pages


def test_each_letter_is_on_one_page_in_order_whatever_its_state(
    desk: Client, seven: list[int]
) -> None:
    pages = walk(desk, f"{LIST}?state=all", "next")
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert sum(pages, []) == seven


def test_the_way_back_shows_the_same_pages(desk: Client, seven: list[int]) -> None:
    text = html(desk, f"{LIST}?state=all")
    while older := linked(text, "next"):
        text = html(desk, older)
    assert '<a href="?state=all">Newest</a>' in text
    back = walk(desk, linked(text, "prev"), "prev")
    assert back[0] == seven[4:6]
    # The way back ends with a full first page, and not with what is left over.
    assert back[-1] == seven[:2]


def test_the_default_page_walks_only_what_waits(desk: Client, seven: list[int]) -> None:
    waiting = DeadLetter.objects.filter(state__in=DeadLetter.WAITING)
    expected = list(waiting.values_list("pk", flat=True))
    assert sum(walk(desk, LIST, "next"), []) == expected


def test_what_arrives_meanwhile_does_not_shift_a_page(
    desk: Client, seven: list[int]
) -> None:
    second = linked(html(desk, f"{LIST}?state=all"), "next")
    dead_letter()
    assert shown(html(desk, second)) == seven[2:4]


def test_a_page_far_down_costs_what_the_first_does(
    desk: Client,
    seven: list[int],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    last = DeadLetter.objects.get(pk=seven[-2])
    html(desk, LIST)  # the first page a person opens stores the session as well
    with CaptureQueriesContext(connection) as first:
        html(desk, f"{LIST}?state=all")
    with django_assert_max_num_queries(len(first)):
        text = html(
            desk, f"{LIST}?state=all&before={Cursor.of(last)}".replace("+", "%2B")
        )
    assert shown(text) == seven[-1:]


@pytest.mark.parametrize(
    "place",
    ["", "x", "_", "2026-11-20_7", "2026-11-20T12:00:00Z_x", f"{NOON.isoformat()}_-1"]
    + [f"{NOON.isoformat()}_{2**63}", "0001-01-01T00:00:00+23:59_1"],
)
def test_a_place_that_is_none_leads_to_a_page(
    desk: Client, seven: list[int], place: str
) -> None:
    html(desk, f"{LIST}?state=all&before={place.replace('+', '%2B')}")
    html(desk, f"{LIST}?state=all&after={place.replace('+', '%2B')}")


def test_a_filter_leads_to_its_own_first_page(desk: Client, seven: list[int]) -> None:
    second = html(desk, linked(html(desk, f"{LIST}?state=all"), "next"))
    filters = re.findall(r'<li[^>]*><a href="(\?[^"]*)"', second)
    assert filters
    assert not [link for link in filters if "before=" in link or "after=" in link]


def test_a_letter_names_its_neighbours_among_what_waits(desk: Client) -> None:
    oldest, middle, newest = (dead_letter() for _ in range(3))
    for minute, letter in enumerate((oldest, middle, newest)):
        at = NOON + timedelta(minutes=minute)
        DeadLetter.objects.filter(pk=letter.pk).update(last_failed_at=at)
    text = html(desk, f"{LIST}{middle.pk}/change/")
    for letter in (oldest, newest):
        assert f"{LIST}{letter.pk}/change/" in text


def test_the_oldest_that_waits_is_found_in_whichever_state_it_is(
    seven: list[int], no_sqs: None
) -> None:
    oldest = overview.overview()["oldest"]
    waiting = DeadLetter.objects.filter(state__in=DeadLetter.WAITING)
    assert oldest == waiting.earliest("first_failed_at")
    waiting.filter(state="open").update(state="resolved")
    oldest = overview.overview()["oldest"]
    assert oldest == waiting.earliest("first_failed_at")


def test_no_page_counts_further_than_ten_thousand(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.staff.capped_paginator.MOST_COUNTED", 2)
    for number in range(3):
        dead_letter(order_created(order_id=f"ORD-{number}"))
    text = html(desk, LIST)
    assert "10,000+ dead letters" in text
    assert len(shown(text)) == 3


@pytest.mark.parametrize("number", [0, 1, 2**63 - 1])
def test_a_place_in_the_list_is_read_as_it_was_written(number: int) -> None:
    place = Cursor(NOON, number)
    assert Cursor.read(str(place)) == place
