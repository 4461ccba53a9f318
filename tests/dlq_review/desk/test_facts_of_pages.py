"""Each fact on a page of the desk is that of its row: no two rows here are alike in one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.test import Client

from dlq_review.models import (
    AlertDelivery,
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureGroup,
    Operation,
    OperationItem,
    RedrivePolicy,
)
from tests.builders import dead_letter, failed_attempt, failure, order_created
from tests.dlq_review import desk_pages as pages
from tests.dlq_review.desk_pages import html, page
from tests.dlq_review.operation_runs import started
from tests.dlq_review.policies import active

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW + timedelta(seconds=1), tick=False):
        yield


def hours(number: int) -> datetime:
    """So many hours ago; a page says it in words."""
    return NOW - timedelta(hours=number)


def words(markup: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", markup))).strip()


def facts(text: str) -> dict[str, str]:
    """What stands beside each name in the lists of facts, in words."""
    pairs = re.findall(r"<dt[^>]*>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", text, re.DOTALL)
    return {words(name): words(value) for name, value in pairs}


def section(text: str, name: str) -> str:
    return text.partition(f'id="{name}"')[2].partition("</section>")[0]


def test_each_fact_of_a_letter_is_its_own(desk: Client) -> None:
    event = order_created(order_id="ORD-5")
    failed_attempt(
        event,
        receive_count=3,
        permanent=True,
        error_text="the shelf is empty",
        started_at=hours(4),
        duration_ms=77,
        worker="worker-9",
        release="r-try",
        place="processing.handlers:place",
    )
    letter = dead_letter(event, attributes=failure(release="r-last", place="a:b"))
    DeadLetter.objects.update(
        correlation_id="corr-1",
        place="processing.handlers:pack",
        attempts=6,
        redrives=2,
        sent_at=hours(8),
        first_failed_at=hours(7),
        last_failed_at=hours(6),
        redriven_at=hours(5),
        redriven_to="signups",
        expires_at=NOW + timedelta(hours=30),
    )
    FailureGroup.objects.update(waiting=12)
    Arrival.objects.update(
        sent_at=hours(9),
        pulled_at=hours(3),
        receive_count=21,
        message_id="message-1",
        attributes={"Colour": "blue", "Shade": "5"},
        attribute_types={"Shade": "Number"},
    )
    text = html(desk, page(letter))
    told = {
        "Reference": "ORD-5",
        "Request id": event.id,
        "Correlation id": "corr-1",
        "Place": "processing.handlers:pack",
        "Release": "r-last",
        "Sent": "8 h ago",
        "First failed": "7 h ago",
        "Last failed": "6 h ago",
        "Last redriven": "5 h ago to signups",
        "SQS limit": "in 29 h then SQS would have dropped it; here it is kept",
        "Like this": "12 waiting",
    }
    assert facts(section(text, "facts")) == told
    told = {"Sent": "9 h ago", "Receives": "21", "Colour": "•••", "Shade": "••• Number"}
    assert facts(section(text, "arrivals")) == told
    page_in_words = words(text)
    for sentence in (
        "OrderExistsError Another order has the id ORD-1.",
        "order_created on orders · failed 6 h ago · 6 attempts · redriven 2×",
        "OperationalError the shelf is empty delivery 3 · 4 h ago",
        "77 ms · worker worker-9 · release r-try · permanent · processing.handlers:place",
        "5 attempts ended without a report",
        "orders-dlq message-1 pulled 3 h ago",
        "Attempt 3 failed: OperationalError 4 h ago worker-9, release r-try",
    ):
        assert sentence in page_in_words


def test_each_fact_of_a_group_is_its_own(desk: Client) -> None:
    group = dead_letter(attributes=failure()).group
    FailureGroup.objects.update(
        state="acknowledged",
        owner="eva",
        note="The bank is down.",
        release="r-last",
        place="processing.handlers:pack",
        waiting=12,
        oldest_accepted=hours(9),
        first_seen=hours(8),
        last_seen=hours(7),
        last_redriven_at=hours(6),
    )
    row = (
        "12 waiting {}OrderExistsError · order_created on orders · "
        "processing.handlers:pack · oldest accepted 9 h ago · first 8 h ago · "
        "last 7 h ago · redriven 6 h ago · release r-last eva : The bank is down."
    )
    of_list = words(html(desk, f"{pages.GROUPS}?state=all"))
    assert row.format("Another order has the id ORD-1. Acknowledged ") in of_list
    text = html(desk, f"{pages.GROUPS}{group.pk}/change/")
    assert row.format("") in words(text)
    told = {
        "Queue": "orders",
        "Type": "order_created",
        "Error": "OrderExistsError",
        "Place": "processing.handlers:pack",
    }
    assert facts(section(text, "why-grouped")) == told
    assert "Who has it eva ." in words(text)


#: By list, the fields that its search reads, which its help names.
SEARCHED: dict[str, tuple[str, ...]] = {
    pages.GROUPS: ("error_type", "sentence", "template", "place", "owner"),
    pages.OPERATIONS: ("by", "reason"),
    pages.POLICIES: ("owner", "reason"),
}


@pytest.mark.parametrize(
    ("url", "field"), [(url, one) for url, names in SEARCHED.items() for one in names]
)
def test_a_search_of_a_list_finds_by_each_field(
    admin_client: Client, url: str, field: str
) -> None:
    for error in ("AError", "BError"):
        dead_letter(attributes=failure(error_type=error))
        started(0)
        active()
    admin = admin_client.get(url).context["cl"].model_admin
    assert admin.search_fields == SEARCHED[url]
    wanted = admin.model.objects.earliest("pk")
    assert listed(admin_client, f"{url}?q=zebra") == []
    admin.model.objects.filter(pk=wanted.pk).update(**{field: "a zebra crossing"})
    assert listed(admin_client, f"{url}?q=zebra") == [wanted]


def listed(client: Client, url: str) -> list[object]:
    return list(client.get(url).context["cl"].result_list)


def test_each_cell_of_the_list_of_letters_is_its_own(desk: Client) -> None:
    dead_letter(order_created(order_id="ORD-5"), attributes=failure())
    DeadLetter.objects.update(
        attempts=6,
        redrives=2,
        sent_at=hours(8),
        first_failed_at=hours(7),
        last_failed_at=hours(6),
        expires_at=NOW + timedelta(hours=30),
    )
    row = (
        "ORD-5 order_created · orders OrderExistsError Another order has the id ORD-1. "
        "6 +2 redrives 6 h ago {} "
    )
    text = html(desk, pages.LIST)
    assert f"Failed again (2) {row.format('in 29 h')}Redrive" in words(text)
    assert 'title="6 attempts, 2 redrives"' in text
    DeadLetter.objects.update(state="resolved", redrives=1, settled_at=hours(1))
    row = row.replace("OrderEx", "was: OrderEx").replace("+2 redrives", "+1 redrive")
    assert row.format("–") in words(html(desk, f"{pages.LIST}?state=all"))


def test_each_fact_of_an_operation_is_its_own(desk: Client) -> None:
    operation = Operation.objects.create(
        kind="redrive",
        state="running",
        by="eva",
        reason="The bank is back.",
        rate=7,
        canary=3,
        stop_at=45,
        to="signups",
        override_limit=True,
        total=36,
        cutoff=hours(5),
        lease_holder="worker-9",
        leased_until=NOW + timedelta(minutes=2),
    )
    lead = (
        "The bank is back. 36 chosen by eva 5 h ago · to signups · 7/s · 3 first · "
        "stops at 45 % failed again · also past the limit of redrives · run by worker-9"
    )
    results = ("waiting", "sent", "processed", "failed_again", "skipped")
    states = [state for times, state in enumerate(results, 1) for _ in range(times)]
    OperationItem.objects.bulk_create(
        OperationItem(operation=operation, letter=dead_letter(), revision=0, state=one)
        for one in states
    )
    for _ in range(6):
        dead_letter()
    text = words(html(desk, f"{pages.OPERATIONS}{operation.pk}/change/"))
    assert lead.replace(" · to", " · 6 newer not included · to") in text
    told = "1 not yet sent 2 sent, awaiting their outcome 3 processed 4 failed again"
    assert f"{told} 5 skipped" in text


def test_each_fact_of_a_policy_is_its_own(desk: Client) -> None:
    policy = active(every=16, times=4, most=201, rate=7, canary=3, stop_at=45)
    policy.next_run_at, policy.looked_at = NOW + timedelta(hours=3), hours(2)
    policy.green, policy.said, policy.halted = (
        False,
        "The mail server is away.",
        "x 9 x",
    )
    policy.save()
    text = words(html(desk, f"{pages.POLICIES}{policy.pk}/change/"))
    for sentence in (
        "Active The bank is away. Redrives what waits · queue orders",
        "Owner ada · every 16 min · at most 4 runs a letter · 201 letters a run · 7/s · "
        "3 first · stops at 45 % failed again · until 29 Nov 2026",
        "Next run Due in 2 h",
        "Probe The database answers Asked 2 h ago Red The mail server is away.",
        "x 9 x",
    ):
        assert sentence in text


def test_what_no_person_did_was_done_by_holdfast(
    desk: Client, admin_client: Client
) -> None:
    letter, policy = dead_letter(), active()
    operation = Operation.objects.create(
        **{"kind": "redrive", "state": "paused", "total": 1, "cutoff": NOW}
    )
    of: dict[str, DeadLetter | Operation | RedrivePolicy] = {
        f"{pages.OPERATIONS}{operation.pk}/change/": operation,
        f"{pages.POLICIES}{policy.pk}/change/": policy,
        page(letter): letter,
    }
    for url, about in of.items():
        AuditEntry.note(about, AuditEntry.Verb.STEERED, reason="Why.", after="paused")
        text = words(html(desk, url))
        told = (
            "Paused Holdfast · now Why.",
            "Steered an operation now · Holdfast Why.",
        )
        assert told[about is letter] in text
    (row, *_) = re.findall(
        "<tr data-row>.*?</tr>",
        html(admin_client, "/admin/dlq_review/auditentry/"),
        re.DOTALL,
    )
    assert words(row).partition("that day ")[2] == (
        f"Holdfast steered an operation {letter} all about it – → paused Why."
    )
    assert 'href="?who=machine"' in row


def test_each_cell_of_the_list_of_alerts_is_its_own(admin_client: Client) -> None:
    told = {
        "channel": "slack",
        "name": "growth of orders",
        "kind": "growth",
        "phase": "reminder",
        "sentence": "150 failures.",
        "path": "/admin/",
        "began_at": hours(9),
        "created_at": hours(8),
        "state": "waiting",
        "tries": 4,
        "last_error": "HTTP 404",
        "next_try_at": NOW + timedelta(hours=6),
        "sent_at": hours(5),
    }
    delivery = AlertDelivery.objects.create(**told)
    row = "Still so: 150 failures. growth of orders HTTP 404 slack 4 8 h ago {}"
    text = words(html(admin_client, pages.ALERTS))
    assert "Waiting " + row.format("next try in 5 h") in text
    AlertDelivery.objects.filter(pk=delivery.pk).update(state="sent")
    text = words(html(admin_client, pages.ALERTS))
    assert "Delivered " + row.format("5 h ago") in text
