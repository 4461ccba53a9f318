"""What stays of a letter, a group and a list, and what the next step leaves behind."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review.desk.request_summary import asked
from dlq_review.groups import handover, triage
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from dlq_review.search.keyset_pages import Cursor
from dlq_review.search.veil import Bare
from tests.builders import dead_letter, failure
from tests.dlq_review.desk_pages import GROUPS, LIST, html, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("states", list(permutations(DeadLetter.WAITING)))
def test_the_letter_that_has_waited_longest_is_named_whatever_its_state(
    desk: Client, states: tuple[str, ...]
) -> None:
    now = timezone.now()
    letters = [dead_letter() for _ in states]
    for days, (letter, state) in enumerate(zip(letters, states, strict=True)):
        DeadLetter.objects.filter(pk=letter.pk).update(
            state=state, first_failed_at=now - timedelta(days=9 - days)
        )
    settled = dead_letter()
    DeadLetter.objects.filter(pk=settled.pk).update(
        state="resolved", first_failed_at=now - timedelta(days=99)
    )
    assert desk.get("/admin/").context["oldest"] == letters[0]


def test_that_a_redrive_was_not_sent_is_said_until_something_else_is_done(
    desk: Client,
) -> None:
    letter = dead_letter()
    said = "The last redrive was not sent: Timeout. Try again later."
    AuditEntry.note(letter, AuditEntry.Verb.NOT_SENT, reason="Timeout")
    assert said in html(desk, page(letter))
    AuditEntry.note(letter, AuditEntry.Verb.EDITED, by="ada", reason="x")
    assert "was not sent" not in html(desk, page(letter))


def test_a_filter_of_a_further_page_leads_to_the_first(desk: Client) -> None:
    letter = dead_letter()
    for name in ("before", "after"):
        shown = desk.get(LIST, {name: str(Cursor.of(letter)), "queue": "orders"})
        found = shown.context["cl"]
        assert found.get_query_string({"type": "x"}) == "?queue=orders&type=x"
        assert found.asked == "queue=orders"


@pytest.mark.parametrize(("waiting", "listed"), [(1, True), (0, False)])
def test_a_resolved_group_is_listed_while_letters_of_it_wait(
    desk: Client, waiting: int, listed: bool
) -> None:
    group = dead_letter(attributes=failure()).group
    FailureGroup.objects.update(state="resolved", waiting=waiting)
    groups = desk.get(GROUPS).context["groups"]
    assert [one["group"] for one in groups] == [group] * listed


def test_who_takes_a_group_over_reads_since_when_the_other_has_it(
    desk: Client,
) -> None:
    group = dead_letter(attributes=failure()).group
    triage.acknowledge(group, by="bob")
    handover.give_back(group, "x", by="bob")
    triage.acknowledge(group, by="eva")
    triage.annotate(group, "x", by="eva")
    since = desk.get(f"{GROUPS}{group.pk}/take_over/").context["since"]
    assert (since.actor, since.after) == ("eva", "acknowledged")


def test_an_item_that_is_no_object_stands_as_its_article() -> None:
    body = '{"type": "order_created", "data": {"items": ["TEA-1", {"sku": "CUP-2"}]}}'
    letter = dead_letter(body)
    found = asked(letter, body, Bare()).items
    assert [[one.value for one in item] for item in found] == [
        ["TEA-1", "", ""],
        ["CUP-2", "", ""],
    ]


def test_the_logs_of_a_letter_without_a_correlation_id_are_those_of_its_request(
    desk: Client, settings: Settings
) -> None:
    settings.LOG_URL = "https://logs.example.com/?q={correlation_id}"
    letter = dead_letter()
    for correlation_id in ("", "corr-1"):
        DeadLetter.objects.update(correlation_id=correlation_id)
        asked_for = correlation_id or letter.request_id
        link = f'href="https://logs.example.com/?q={asked_for}"'
        assert link in html(desk, page(letter))


def test_an_address_that_nobody_has_is_shown_with_its_beginning_alone(
    desk: Client,
) -> None:
    shown = desk.post("/admin/find/", {"q": "nobody@example.com"})
    assert shown.context["asked_for"] == "n…@example.com"
