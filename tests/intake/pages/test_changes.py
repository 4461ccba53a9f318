"""A change of an order, from the front door to the status its sender reads."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review.letters import revisions, settlement
from dlq_review.letters.timeline import timeline
from dlq_review.models import DeadLetter
from dlq_review.redrive import claims
from processing.delivery import processor, spool
from processing.events.envelope import Event
from processing.handlers import orders
from processing.handlers.orders import UnknownOrderError
from processing.models import Attempt, Order, Outcome, SpooledEvent
from processing.receipts import Receipt, State, Status
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from processing.sqs.refusals import SendError
from tests.builders import (
    dead_letter,
    message,
    order_created,
    order_returned,
    order_updated,
    redrive_now,
    signup_requested,
)
from tests.growth import cost
from tests.intake.public_pages import change_form

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sqs")]

CREATED = datetime(2026, 11, 20, 12, tzinfo=UTC)
NO_SUCH = "We know no such order under this customer number."
GIVEN = {"receipt": "given"}


@pytest.fixture(autouse=True)
def short_pauses(settings: Settings) -> None:
    settings.RETRY_BACKOFF_BASE_SECONDS = 0


def create(order_id: str = "ORD-1", at: datetime = CREATED) -> None:
    event = order_created(order_id=order_id).model_copy(update={"timestamp": at})
    processor.handle(message(event))


def change(status: str, at: datetime, **data: Any) -> Event:
    event = order_updated(status=status, changed_at=at.isoformat(), **data)
    processor.handle(message(event))
    return event


def status_of(event: Event) -> Status:
    return Receipt.of(event).status()


@pytest.mark.parametrize("seconds", [-3600, -2, 0, 2])
def test_the_first_change_counts_whatever_the_senders_clock_says(seconds: int) -> None:
    create()
    event = change("paid", CREATED + timedelta(seconds=seconds))
    assert Order.objects.get().status == "paid"
    assert status_of(event).state == State.DONE


def test_the_last_to_arrive_of_two_changes_of_one_second_counts() -> None:
    create()
    change("paid", CREATED)
    event = change("shipped", CREATED)
    assert Order.objects.get().status == "shipped"
    assert status_of(event).state == State.DONE


def test_a_change_older_than_another_changes_nothing_and_says_so(
    client: Client,
) -> None:
    create()
    change("shipped", CREATED + timedelta(seconds=1))
    event = change("paid", CREATED)
    assert Order.objects.get().status == "shipped"
    status = status_of(event)
    assert (status.state, status.final) == (State.STALE, True)
    assert status.made == {"order": "ORD-1", "status": "stale"}
    token = Receipt.of(event).token
    answer = client.get(f"/api/requests/{token}").json()
    assert (answer["state"], answer["final"]) == ("stale", True)
    assert "later time than your change" in answer["reason"]
    page = client.get(f"/receipts/{token}/").content.decode()
    assert "Nothing changed" in page
    assert answer["reason"] in page
    assert "marked as" not in page


def test_a_copy_of_an_older_change_of_the_same_time_does_not_come_back() -> None:
    create()
    first = change("paid", CREATED)
    change("shipped", CREATED)
    processor.handle(message(first))
    assert Order.objects.get().status == "shipped"


def test_a_time_far_ahead_that_a_former_release_took_freezes_no_order() -> None:
    create()
    Order.objects.update(status="paid", status_changed_at="2062-01-01T00:00:00Z")
    change("shipped", CREATED)
    assert Order.objects.get().status == "shipped"


def test_the_desk_says_that_a_redriven_change_was_too_late() -> None:
    create()
    change("shipped", CREATED + timedelta(seconds=1))
    event = order_updated(status="paid", changed_at=CREATED.isoformat())
    letter = dead_letter(event)
    processor.process(event)
    told = [moment.text for moment in timeline(letter, [])]
    assert any("A later change of the order" in text for text in told)


def test_staff_see_what_changed_nothing_and_what_was_refused(
    admin_client: Client,
) -> None:
    create()
    change("shipped", CREATED + timedelta(seconds=1))
    change("paid", CREATED)
    mistyped = order_updated(order_id="ORD-typo")
    processor.handle(message(mistyped, receive_count=3, attributes=GIVEN))
    page = admin_client.get("/admin/processing/outcome/").content.decode()
    assert page.count("Nothing changed: a later change was stored already.") == 1
    assert page.count(NO_SUCH) == 1
    refused_only = admin_client.get("/admin/processing/outcome/?kind__exact=refused")
    assert [one.pk for one in refused_only.context["cl"].queryset] == [mistyped.id]


AHEAD = "more than 5 minutes ahead of our clock"


@pytest.mark.parametrize("ahead", [timedelta(minutes=7), timedelta(days=13_000)])
def test_a_change_that_lies_ahead_is_refused_at_the_door_and_by_the_worker(
    client: Client, ahead: timedelta
) -> None:
    create()
    at = (datetime.now(UTC) + ahead).isoformat()
    asked = {"customer_id": "C-17", "status": "paid", "changed_at": at}
    answer = client.patch("/api/orders/ORD-1", asked, "application/json")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "#/changed_at"
    assert AHEAD in error["detail"]
    body = json.dumps({"type": "order_updated", "data": asked | {"order_id": "ORD-1"}})
    processor.handle(message(body))
    attempt = Attempt.objects.get()
    assert (attempt.permanent, AHEAD in attempt.error_text) == (True, True)
    assert Order.objects.get().status == "created"


def test_an_event_from_the_future_is_refused() -> None:
    body = json.loads(order_created().body) | {"timestamp": "2062-01-01T00:00:00Z"}
    processor.handle(message(json.dumps(body)))
    assert AHEAD in Attempt.objects.get().error_text
    assert not Order.objects.exists()


def test_a_clock_a_little_ahead_is_taken_at_the_door_and_by_a_slower_worker(
    client: Client,
) -> None:
    create()
    now = datetime.now(UTC)
    asked = {
        "customer_id": "C-17",
        "status": "paid",
        "changed_at": (now + timedelta(seconds=299)).isoformat(),
    }
    with time_machine.travel(now, tick=False):
        answer = client.patch("/api/orders/ORD-1", asked, "application/json")
    assert answer.status_code == 202
    (sent,) = queues.receive("orders")
    with time_machine.travel(now - timedelta(seconds=50), tick=False):
        processor.handle(sent)
    assert Order.objects.get().status == "paid"


def ask(client: Client, **changes: Any) -> str:
    """PATCH a change; the path of its status."""
    asked = {"customer_id": "C-17", "status": "paid", "changed_at": CREATED.isoformat()}
    answer = client.patch("/api/orders/ORD-1", asked | changes, "application/json")
    assert answer.status_code == 202
    return str(answer.json()["statusUrl"])


def deliver_until_done() -> None:
    """As the worker does: each delivery, until the queue is empty."""
    for _ in range(5):
        for received in queues.receive("orders", visibility=0):
            try:
                processor.handle(received)
            except processor.RetryLaterError:
                continue
            queues.delete("orders", [received.receipt_handle])


def test_a_mistyped_order_number_ends_at_its_sender_and_not_at_the_desk(
    client: Client,
) -> None:
    url = ask(client)
    (received,) = queues.receive("orders", visibility=0)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(received)
    waiting = client.get(url).json()
    assert (waiting["state"], waiting["final"]) == ("processing", False)
    assert waiting["reason"].startswith("We know no such order yet.")
    deliver_until_done()
    answer = client.get(url).json()
    assert (answer["state"], answer["final"]) == ("not_accepted", True)
    assert answer["reason"].startswith(NO_SUCH)
    outcome = Outcome.objects.get()
    assert (outcome.kind, outcome.type) == ("refused", "order_updated")
    assert [one.permanent for one in Attempt.objects.all()] == [True, False, False]
    assert queues.depth("orders-dlq").visible == queues.depth("orders").visible == 0


def test_a_creation_that_comes_late_is_waited_for(client: Client) -> None:
    url = ask(client)
    for _ in "12":
        (received,) = queues.receive("orders", visibility=0)
        with pytest.raises(processor.RetryLaterError):
            processor.handle(received)
    create()
    deliver_until_done()
    assert client.get(url).json()["state"] == "done"
    assert Order.objects.get().status == "paid"


def test_another_customers_number_tells_no_more_than_an_unknown_order(
    client: Client,
) -> None:
    url = ask(client)
    deliver_until_done()
    create()
    other = ask(client, customer_id="C-18")
    deliver_until_done()
    answers = [client.get(one).json() for one in (url, other)]
    assert answers[0]["reason"] == answers[1]["reason"]
    assert {one["state"] for one in answers} == {"not_accepted"}
    assert queues.depth("orders-dlq").visible == 0


@pytest.mark.parametrize("away", ["api", "batch"])
def test_it_ends_so_too_after_a_time_in_the_spool(
    client: Client, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(queue: str, batch: Any, *_: Any, **__: Any) -> list[Sent]:
        error = SendError("Timeout")
        return [Sent(event, error=error) for event, _ in batch]

    with monkeypatch.context() as outage:
        outage.setattr(publisher, "send_batch", refuse)
        if away == "api":
            url = ask(client)
        else:
            data = order_updated().data.model_dump(mode="json")
            body = {"events": [{"type": "order_updated", "data": data}]}
            answer = client.post("/api/batches", body, "application/json").json()
            url = answer["results"][0]["statusUrl"]
    assert spool.relay() == 1
    deliver_until_done()
    assert client.get(url).json()["reason"].startswith(NO_SUCH)


@pytest.mark.parametrize(
    "attributes",
    [{}, {"receipt": ""}, {"receipt": "x"}, {**GIVEN, "redrive": "{}"}],
)
def test_what_nobody_holds_a_receipt_for_is_a_dead_letter(
    attributes: dict[str, str],
) -> None:
    create("ORD-2")
    unknown = message(order_updated(), receive_count=3, attributes=attributes)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(unknown)
    other = order_updated(order_id="ORD-2", customer_id="C-18")
    processor.handle(message(other, attributes=attributes))
    assert queues.depth("orders-dlq").visible == 1
    assert set(Outcome.objects.values_list("kind", flat=True)) == {"processed"}


def at_the_desk(order: Event) -> None:
    dead_letter(order)


def about_to_be_sent(order: Event) -> None:
    claims.claim(dead_letter(order), by="ada", reason="")


def under_way_again(order: Event) -> None:
    redrive_now(dead_letter(order), by="ada")


def in_the_spool(order: Event) -> None:
    spool.add(order, "Timeout")


@pytest.mark.parametrize(
    "waits", [at_the_desk, about_to_be_sent, under_way_again, in_the_spool]
)
@pytest.mark.parametrize("make", [order_updated, order_returned])
def test_what_is_about_an_order_that_waits_for_us_is_never_refused(
    waits: Callable[[Event], None], make: Callable[..., Event]
) -> None:
    waits(order_created(order_id="ORD-1"))
    event = make(order_id="ORD-1")
    with pytest.raises(processor.RetryLaterError, match="OrderOnItsWayError"):
        processor.handle(message(event, receive_count=3, attributes=GIVEN))
    assert status_of(event).state == State.UNDER_REVIEW
    assert not Outcome.objects.exists()


def test_a_change_of_an_order_that_was_discarded_is_refused_to_its_sender() -> None:
    settlement.discard(
        dead_letter(order_created(order_id="ORD-1")), by="ada", reason="x"
    )
    event = order_updated(order_id="ORD-1")
    processor.handle(message(event, receive_count=5, attributes=GIVEN))
    assert status_of(event).state == State.NOT_ACCEPTED


def test_a_spooled_order_of_a_former_release_is_found_by_its_body() -> None:
    spool.add(order_created(order_id="ORD-1"), "Timeout")
    SpooledEvent.objects.update(order_id=None)
    with pytest.raises(processor.RetryLaterError, match="OrderOnItsWayError"):
        processor.handle(message(order_updated(order_id="ORD-1"), attributes=GIVEN))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    "spooled", [order_updated(order_id="ORD-1"), order_created(order_id="ord-1")]
)
def test_what_makes_no_such_order_is_not_taken_for_one_on_its_way(
    spooled: Event, named: bool
) -> None:
    spool.add(spooled, "Timeout")
    if not named:
        SpooledEvent.objects.update(order_id=None)
    refused(order_updated(order_id="ORD-1", status="shipped"))


def test_looking_for_an_order_costs_the_same_whatever_waits_in_the_spool() -> None:
    def fill(numbers: range) -> None:
        SpooledEvent.objects.bulk_create(
            SpooledEvent(
                request_id=f"request-{number}",
                order_id=f"ORD-{number}",
                body=order_created().body + " " * 2_000,
                next_try_at=timezone.now(),
            )
            for number in numbers
        )

    def look(_: int) -> None:
        for _ in range(20):
            with pytest.raises(UnknownOrderError), transaction.atomic():
                orders.update_order(order_updated(order_id="ORD-0"))

    fill(range(1, 11))
    few = cost(look, 0)
    fill(range(11, 5_001))
    assert cost(look, 0) < 3 * few


def refused(event: Event) -> None:
    processor.handle(message(event, receive_count=3, attributes=GIVEN))
    assert Outcome.objects.get().kind == "refused"


def test_what_was_refused_stays_refused_for_a_late_copy() -> None:
    event = order_updated()
    refused(event)
    create()
    processor.handle(message(event, attributes=GIVEN))
    assert Order.objects.get().status == "created"
    assert status_of(event).state == State.NOT_ACCEPTED


def test_another_content_under_a_refused_id_is_a_conflict() -> None:
    event = order_updated()
    refused(event)
    create()
    other = order_updated(status="cancelled").model_copy(update={"id": event.id})
    processor.handle(message(other, attributes=GIVEN))
    assert Attempt.objects.first().error_type == "RequestIdConflictError"  # type: ignore[union-attr]
    assert status_of(other).state == State.NOT_ACCEPTED


def redriven(letter: DeadLetter) -> Any:
    redrive_now(letter, by="ada")
    (sent,) = queues.receive("orders")
    return sent


def test_staff_can_redrive_what_was_refused() -> None:
    event = order_updated(order_id="ORD-typo")
    letter = dead_letter(event)
    refused(event)
    create()
    body = event.body.replace("ORD-typo", "ORD-1")
    revisions.edit(letter, body, based_on=0, by="ada", reason="typo")
    processor.handle(redriven(letter))
    assert Order.objects.get().status == "paid"
    assert Outcome.objects.get(request_id=event.id).kind == "processed"


def test_a_redrive_of_what_was_refused_leaves_other_refusals() -> None:
    mistyped = [order_updated(order_id=f"ORD-{number}") for number in (1, 2)]
    for event in mistyped:
        processor.handle(message(event, receive_count=5, attributes=GIVEN))
    create("ORD-1")
    processor.process(mistyped[0], redriven=True)
    kinds = dict(Outcome.objects.values_list("request_id", "kind"))
    assert [kinds[event.id] for event in mistyped] == ["processed", "refused"]


def test_a_redrive_that_fails_leaves_the_refusal() -> None:
    event = order_updated()
    letter = dead_letter(event)
    refused(event)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(redriven(letter))
    assert Outcome.objects.get().kind == "refused"


@pytest.mark.parametrize("hours", [0, 6, 23])
def test_the_same_form_sent_again_hours_later_is_the_same_request(
    client: Client, hours: int
) -> None:
    create()
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    receipts = []
    with time_machine.travel(now) as clock:
        page = client.get("/orders/change", follow=True)
        typed = {
            "form_token": str(page.context["form"].token),
            "complete": "yes",
            "order_id": "ORD-1",
            "customer_id": "C-17",
            "status": "paid",
        }
        for status in ("paid", "shipped", "paid"):
            answer = client.post("/orders/change", typed | {"status": status})
            receipts.append(answer["Location"])
            deliver_until_done()
            clock.shift(timedelta(hours=hours / 2))
    assert receipts[0] == receipts[2] != receipts[1]
    assert Order.objects.get().status == "shipped", "the first came once"
    states = Outcome.objects.filter(type="order_updated").values_list("made", flat=True)
    assert sorted(made["status"] for made in states) == ["paid", "shipped"]


@pytest.mark.parametrize("why", ["refused", "stale"])
def test_the_receipt_of_a_change_that_failed_leads_to_a_form_that_is_another_request(
    client: Client, why: str
) -> None:
    """Going back brings the former form, and what it sends is the former request."""
    form = change_form(client)
    if why == "stale":
        create()
        change("shipped", datetime.now(UTC))
    receipt = client.post("/orders/change", form).headers["Location"]
    deliver_until_done()
    page = client.get(receipt).content.decode()
    assert '<a href="/orders/change">a new form</a>' in page
    if why == "refused":
        create()
    assert client.post("/orders/change", form).headers["Location"] == receipt
    again = client.post("/orders/change", change_form(client)).headers["Location"]
    deliver_until_done()
    assert 'data-state="done"' in client.get(again).content.decode()
    assert Order.objects.get().status == "paid"


def test_a_receipt_leads_to_the_form_of_its_own_kind(client: Client) -> None:
    for event, form in (
        (order_created(), "orders/new"),
        (signup_requested(), "signups/new"),
    ):
        processor.refuse(event, "No.")
        page = client.get(f"/receipts/{Receipt.of(event).token}/").content.decode()
        assert f'<a href="/{form}">a new form</a>' in page
