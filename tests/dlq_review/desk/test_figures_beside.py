"""Figures and links beside a name: of several, which one is shown."""

from datetime import timedelta

import pytest
from django.core.exceptions import BadRequest
from django.db import DataError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import GROWTH
from dlq_review.desk.alert_list import described
from dlq_review.desk.unfit_values import UnfitValueMiddleware
from dlq_review.models import AlertDelivery, Operation, OperationItem
from dlq_review.pull.arrivals import join
from processing.tracing.context import Trace
from tests.builders import dead_letter, dead_message, order_created
from tests.dlq_review.desk.edit_forms import WRONG, sent
from tests.dlq_review.desk_pages import OPERATIONS, html, page

pytestmark = pytest.mark.django_db
TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def test_of_what_waits_for_a_channel_the_number_and_the_first_try_are_told(
    settings: Settings,
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    for about in ("orders", "signups", "emails"):
        raising.begin(GROWTH, about, "Many.")
    now = timezone.now()
    for minutes, one in zip(
        (7, 3, 5), AlertDelivery.objects.order_by("pk"), strict=True
    ):
        at = now + timedelta(minutes=minutes)
        AlertDelivery.objects.filter(pk=one.pk).update(next_try_at=at)
    waiting = {one["channel"].name: one["waiting"] for one in described()}
    first = {"number": 3, "next": now + timedelta(minutes=3)}
    assert {name: waiting["mail"][name] for name in first} == first
    assert waiting["slack"] == {"number": 0, "next": None}


def test_the_bars_of_an_operation_stand_side_by_side_and_are_shares_of_all(
    desk: Client,
) -> None:
    made = Operation.objects.create(state="running", cutoff=timezone.now(), total=8)
    states = {"failed_again": 2, "processed": 3, "sent": 1}
    OperationItem.objects.bulk_create(
        OperationItem(operation=made, letter=dead_letter(), revision=0, state=state)
        for state, number in states.items()
        for _ in range(number)
    )
    shown = desk.get(f"{OPERATIONS}{made.pk}/change/").context
    assert shown["bars"] == [
        ("processed", 0.0, 37.5),
        ("failed_again", 37.5, 25.0),
        ("sent", 62.5, 12.5),
    ]


def test_a_trace_of_several_arrivals_is_one_link(
    desk: Client, settings: Settings
) -> None:
    settings.TRACE_URL = "https://traces.example.com/{trace_id}"
    event = order_created()
    letter = dead_letter(event, attributes=TRACE.attributes)
    join(dead_message(event, attributes=TRACE.attributes))
    assert letter.arrivals.count() == 2
    assert html(desk, page(letter)).count("https://traces.example.com/") == 1


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/admin/dlq_review/deadletter/", DataError(), 400),
        ("/orders/new", DataError(), None),
        ("/admin/", BadRequest(), None),
    ],
)
def test_what_a_column_of_the_desk_cannot_hold_is_a_bad_request(
    rf: RequestFactory, path: str, error: Exception, status: int | None
) -> None:
    middleware = UnfitValueMiddleware(lambda _: HttpResponse())
    answer = middleware.process_exception(rf.get(path), error)
    assert (answer and answer.status_code) == status


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/dlq_review/deadletter/", 400), ("/orders/new", 200)]
)
def test_only_the_desk_refuses_an_address_with_a_nul(
    rf: RequestFactory, path: str, status: int
) -> None:
    middleware = UnfitValueMiddleware(lambda _: HttpResponse())
    assert middleware(rf.get(path, {"q": "a\0"})).status_code == status


CURRENCY, QUANTITY = "/data/currency", "/data/items/0/quantity"


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("all", {CURRENCY, QUANTITY}),
        (f"near_choice {CURRENCY}", {CURRENCY}),
        (f"text_as_number {QUANTITY}", {QUANTITY}),
        ("nonsense", set()),
    ],
)
def test_only_the_suggestion_that_was_chosen_is_filled_in(
    desk: Client, key: str, changed: set[str]
) -> None:
    body = WRONG.replace('"quantity":2', '"quantity":"2"')
    letter = dead_letter(body)
    shown = desk.post(page(letter, "edit"), sent(reason="", suggest=key)).context
    assert {step["path"] for step in shown["draft"].patch} == changed
    assert shown["form"]["reason"].value().count("Suggested repair") == len(changed)
    assert letter.revisions.count() == 1
