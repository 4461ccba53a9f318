"""Staff who left the desk log in again; a page that asks by itself keeps nobody in."""

import time

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from dlq_review.desk.idle_sessions import SEEN

pytestmark = pytest.mark.django_db
LIST = reverse("admin:dlq_review_deadletter_changelist")


def codes(
    client: Client, *minutes: float, asked_by: str | None = "document"
) -> list[int]:
    """What the list answers so many minutes after the first request."""
    headers = {} if asked_by is None else {"Sec-Fetch-Dest": asked_by}
    begun = time.time()
    found = []
    for minute in (0, *minutes):
        with time_machine.travel(begun + 60 * minute, tick=False):
            answer = client.get(LIST, headers=headers)
            found.append(answer.status_code)
    return found


@pytest.mark.parametrize("asked_by", ["document", "iframe", "", None])
def test_a_step_now_and_then_keeps_staff_in(
    admin_client: Client, asked_by: str | None
) -> None:
    found = codes(admin_client, 59, 118, 177, 236, asked_by=asked_by)
    assert found == [200] * 5


def test_a_step_at_the_last_moment_is_in_time(admin_client: Client) -> None:
    assert codes(admin_client, 60, 120, 181) == [200, 200, 200, 302]


def test_an_hour_without_a_step_ends_the_session(admin_client: Client) -> None:
    assert codes(admin_client, 61, 62) == [200, 302, 302]


def test_a_page_that_asks_for_news_is_no_step(admin_client: Client) -> None:
    every_ten = [10.0 * n for n in range(1, 8)]
    found = codes(admin_client, *every_ten, asked_by="empty")
    assert found == [200] * 7 + [302]


def test_a_form_sent_too_late_changes_nothing_and_leads_to_the_login(
    admin_client: Client,
) -> None:
    assert codes(admin_client) == [200]
    with time_machine.travel(time.time() + 3700):
        answer = admin_client.post(reverse("admin:password_change"), {})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("admin:login"))


def test_the_limit_can_be_turned_off(admin_client: Client, settings: Settings) -> None:
    settings.STAFF_IDLE_SECONDS = 0
    assert codes(admin_client, 400) == [200, 200]


def test_no_step_lengthens_a_session_beyond_its_age(admin_client: Client) -> None:
    steps = [30.0 * n for n in range(1, 16)]
    assert codes(admin_client, *steps, 481) == [200] * 16 + [302]


def test_only_staff_at_the_desk_are_looked_at(
    client: Client, admin_client: Client
) -> None:
    client.get(reverse("admin:login"))
    admin_client.get("/")
    assert SEEN not in client.session
    assert SEEN not in admin_client.session
    admin_client.get(LIST)
    assert SEEN in admin_client.session
