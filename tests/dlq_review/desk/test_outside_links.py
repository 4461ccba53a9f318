"""The desk links to the logs and traces of a request, wherever those are kept."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review.pull.arrivals import join
from processing.delivery import spool
from processing.tracing.context import Trace, within
from tests.builders import dead_letter, dead_message, failure, order_created, redriven
from tests.dlq_review.desk_pages import html

FIRST = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1, "a=ada@b.c")
SECOND = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
TRACES = "https://traces.example.com/{trace_id}?a=1&b={{2}}"
LOGS = "https://logs.example.com/?q={correlation_id}+{request_id}&from={from_ms}&to={to_ms}"


def links(text: str) -> list[str]:
    found = re.findall(
        r'href="(https://[a-z]+\.example\.com[^"]*)" rel="noreferrer"', text
    )
    return [unescape(one) for one in found]


@pytest.fixture
def outside(settings: Settings) -> None:
    settings.TRACE_URL, settings.LOG_URL = TRACES, LOGS


def traced() -> Any:
    """A letter that failed, and failed again after a redrive."""
    event = order_created()
    letter = dead_letter(
        event, attributes={**failure(), **FIRST.attributes, "correlation_id": "c-1"}
    )
    join(dead_message(event, attributes={**redriven(letter), **SECOND.attributes}))
    letter.refresh_from_db()
    return letter


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("page", ["letter", "request"])
def test_each_trace_of_a_letter_is_a_link_and_so_are_its_logs(
    desk: Client, page: str
) -> None:
    letter = traced()
    text = html(desk, address_of(letter, page))
    *traces, logs = links(text)
    assert traces == [
        f"https://traces.example.com/{one.trace_id}?a=1&b={{2}}"
        for one in (SECOND, FIRST)
    ]
    start = f"https://logs.example.com/?q=c-1+{letter.request_id}&"
    assert logs.startswith(start)


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("page", ["letter", "request"])
def test_the_logs_are_of_all_the_time_from_its_acceptance_to_its_last_failure(
    desk: Client, page: str
) -> None:
    now = timezone.now()
    sent, failed_at = now - timedelta(days=5), now - timedelta(days=2)
    told = failure(failed_at=failed_at.isoformat())
    letter = dead_letter(attributes=told, sent_at=sent)
    (logs,) = links(html(desk, address_of(letter, page)))
    begin, end = (
        datetime.fromtimestamp(int(one) / 1000, UTC)
        for one in re.findall(r"(?:from|to)=(\d{13})", logs)
    )
    assert sent - timedelta(hours=2) < begin < sent - timedelta(minutes=30)
    assert end > failed_at + timedelta(minutes=30)


def address_of(letter: Any, page: str) -> str:
    if page == "request":
        return f"/admin/request/{letter.request_id}/"
    return f"/admin/dlq_review/deadletter/{letter.pk}/change/"


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["letter", "request"])
def test_without_addresses_the_trace_ids_are_shown_alone(
    desk: Client, page: str
) -> None:
    text = html(desk, address_of(traced(), page))
    assert links(text) == []
    assert text.index(SECOND.trace_id) < text.index(FIRST.trace_id)
    assert "Log lines" not in text


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
def test_a_letter_without_a_trace_has_no_link_to_one(desk: Client) -> None:
    letter = dead_letter(attributes={"traceparent": "<b>javascript:alert(1)"})
    text = html(desk, address_of(letter, "letter"))
    assert len(links(text)) == 1
    assert "<dt>Trace</dt>" not in text


@pytest.mark.django_db
@pytest.mark.usefixtures("outside")
def test_a_request_in_the_spool_has_the_trace_that_it_waits_with(desk: Client) -> None:
    event = order_created()
    with within(FIRST):
        spool.add(event, "Timeout")
    text = html(desk, f"/admin/request/{event.id}/")
    assert FIRST.trace_id in links(text)[0]


@pytest.mark.django_db
def test_an_id_cannot_change_where_a_link_leads(
    desk: Client, settings: Settings
) -> None:
    settings.LOG_URL = "https://logs.example.com/{request_id}/"
    text = html(desk, "/admin/request/x&y=1%3F%23%22%3E/")
    assert links(text) == ["https://logs.example.com/x%26y%3D1%3F%23%22%3E/"]


@pytest.mark.django_db
def test_an_address_of_logs_may_ask_for_the_newest_trace(
    desk: Client, settings: Settings
) -> None:
    settings.LOG_URL = "https://logs.example.com/?t={trace_id}"
    logs = links(html(desk, address_of(traced(), "letter")))
    assert logs == [f"https://logs.example.com/?t={SECOND.trace_id}"]
