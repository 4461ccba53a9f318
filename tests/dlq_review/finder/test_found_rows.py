"""What is said of each row that a name finds, which are the newest, and what is related."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dlq_review.finder import lookup
from dlq_review.finder.rows import rows_of
from dlq_review.finder.story import tell
from dlq_review.models import AuditEntry
from processing.delivery import processor
from processing.events.contracts import OrderCreated
from processing.events.envelope import Event
from processing.models import (
    Attempt,
    Order,
    OrderReturn,
    Outcome,
    Signup,
    SpooledEvent,
    User,
)
from processing.receipts import Receipt
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    order_data,
    order_returned,
    signup_requested,
)
from tests.dlq_review.desk_pages import html

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]

FIND = "/admin/find/"
ADDRESS = "grace@example.com"


def story_of(request_id: str) -> str:
    return reverse("admin:request", args=[request_id])


def titles(text: str) -> list[tuple[str, str]]:
    found = lookup.find(text, personal=True)
    return [(hit.kind, hit.title) for hit in found.hits]


def letters(request_id: str) -> None:
    dead_letter(order_created(id=request_id), attributes={"correlation_id": "C-99"})


def orders(request_id: str) -> None:
    processor.handle(message(order_created(id=request_id, customer_id="C-99")))


def attempts(request_id: str) -> None:
    failed_attempt(order_created(id=request_id), message_id="C-99")


def returns(request_id: str) -> None:
    """Of the only order C-99."""
    sku = f"TEA-{request_id[-1]}"
    if not Order.objects.exists():
        processor.handle(message(order_created(order_id="C-99", customer_id="C-1")))
    order = Order.objects.get()
    OrderReturn.objects.create(order=order, request_id=request_id, skus=[sku])
    Outcome.objects.all().delete()


def outcomes(request_id: str) -> None:
    Outcome.objects.create(pk=request_id, correlation_id="C-99")


def outcomes_of_an_order(request_id: str) -> None:
    Outcome.objects.create(pk=request_id, order_id="C-99")


def spooled(request_id: str) -> None:
    SpooledEvent.objects.create(
        request_id=request_id, cause="C-99", next_try_at=timezone.now()
    )


def sign_ups(request_id: str) -> None:
    account, _ = User.objects.get_or_create(username="x", email="c@example.com")
    Signup.objects.create(
        request_id=request_id, account=account, asked_at=timezone.now()
    )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (returns, "C-99"),
        (outcomes, "C-99"),
        (outcomes_of_an_order, "C-99"),
        (spooled, "C-99"),
        (sign_ups, "c@example.com"),
    ],
)
def test_of_each_kind_it_is_said_that_there_are_more_rows_than_are_shown(
    make: Callable[[str], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST", 2)
    cuts = []
    for number in range(3):
        make(f"r-{number}")
        found = lookup.find(name, personal=True)
        cuts.append(
            (len([one for one in found.hits if one.kind != "Order"]), found.cut)
        )
    assert cuts == [(1, False), (2, False), (2, True)]


@pytest.mark.parametrize("make", [letters, orders, attempts])
def test_the_newest_rows_of_a_kind_are_found_and_that_there_are_more(
    make: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST", 2)
    for number in range(3):
        make(f"r-{number}")
        found = lookup.find("C-99", personal=False)
        assert found.cut is (number == 2)
    assert [hit.request_id for hit in found.hits] == ["r-2", "r-1"]


def test_a_row_says_what_it_is_without_personal_data() -> None:
    event = order_created(order_id="SHOP-1", id="r-1")
    processor.handle(message(event))
    assert titles("r-1") == [
        ("Order", "SHOP-1 of customer C-17, created"),
        ("Outcome", "order_created processed: SHOP-1"),
    ]
    Outcome.objects.update(made={"order": "SHOP-1", "status": Outcome.STALE})
    assert titles("r-1")[1][1].endswith(f": SHOP-1, {Outcome.STALE}")
    failed_attempt(event, message_id="m-1", receive_count=3)
    assert titles("m-1") == [
        ("Failed attempt", "OperationalError on orders, delivery 3")
    ]


def test_an_account_says_whether_it_is_open_and_names_each_of_its_sign_ups() -> None:
    for request_id in ("r-1", "r-2"):
        event = signup_requested(email=ADDRESS)
        processor.handle(message(Event.new(event.data, id=request_id)))
    account = User.objects.get(email=ADDRESS)
    signed_up = [("Sign-up", str(account))] * 2
    assert titles(ADDRESS) == [
        ("Account", f"{account}, not verified yet"),
        *signed_up,
    ]
    User.objects.update(is_active=True)
    assert titles(ADDRESS)[0] == ("Account", f"{account}, open")
    User.objects.update(request_id="")  # staff are made by hand
    assert titles(ADDRESS) == signed_up


@pytest.mark.parametrize(
    "around",
    ['<a href="https://shop.example/receipts/{}">', "see <{}>", "token={}&x=1"],
)
def test_a_receipt_is_found_in_what_was_pasted_with_it(
    desk: Client, around: str
) -> None:
    receipt = Receipt.of(order_created())
    answer = desk.post(FIND, {"q": around.format(receipt.token)})
    assert answer.status_code == 302
    assert answer["Location"].partition("?")[0] == story_of(receipt.request_id)


def test_a_request_id_names_no_other_request(desk: Client) -> None:
    for request_id, correlation in (("r-1", ""), ("r-2", "r-1")):
        data = OrderCreated.model_validate(order_data())
        event = Event.new(data, id=request_id, correlation_id=correlation)
        processor.handle(message(event))
    assert {one.correlation_id for one in Outcome.objects.all()} == {"r-1"}
    assert desk.post(FIND, {"q": "r-1"})["Location"] == story_of("r-1")


def test_who_asked_for_an_address_in_vain_is_on_record_too(desk: Client) -> None:
    assert desk.post(FIND, {"q": "SHOP-1"}).status_code == 404
    assert not AuditEntry.objects.exists()
    assert desk.post(FIND, {"q": ADDRESS}).status_code == 404
    assert AuditEntry.objects.get().verb == "revealed"


@pytest.mark.parametrize("more", [0, 1])
def test_a_text_that_is_too_long_is_said_to_be(desk: Client, more: int) -> None:
    answer = desk.post(FIND, {"q": "x" * (lookup.LONGEST + more)})
    assert answer.status_code == 404
    assert answer.context["too_long"] is bool(more)


def test_the_longest_request_id_has_a_page(desk: Client) -> None:
    failed_attempt(order_created(), request_id="x" * 64)
    assert "Failed once on orders" in html(desk, story_of("x" * 64))


def test_a_row_whose_key_is_no_plain_word_has_a_link_to_its_page(
    admin_client: Client,
) -> None:
    key = "a_5F/b"
    Outcome.objects.create(pk=key, kind=Outcome.Kind.DISCARDED)
    row = reverse("admin:processing_outcome_change", args=[quote(key)])
    assert f'href="{row}"' in html(admin_client, story_of(key))
    assert html(admin_client, row)


def correlated(request_id: str) -> Event:
    data = OrderCreated.model_validate(order_data(order_id=f"SHOP-{request_id}"))
    return Event.new(data, id=request_id, correlation_id="trace-1")


def fail(request_id: str) -> None:
    event = correlated(request_id)
    dead_letter(event, attributes={"correlation_id": "trace-1"})


def test_requests_of_one_correlation_id_are_related() -> None:
    processor.handle(message(correlated("r-done")))
    for request_id in ("r-dead", "r-dead-2", "r-both"):
        fail(request_id)
    Outcome.objects.create(
        pk="r-both", kind=Outcome.Kind.PROCESSED, correlation_id="trace-1"
    )
    now = timezone.now()
    SpooledEvent.objects.create(request_id="r-sent", cause="r-done", next_try_at=now)
    processor.handle(message(order_created()))  # of nobody's
    told = {
        name: [(one.request_id, one.kind) for one in tell(name).related]
        for name in ("r-done", "r-dead", "trace-1")
    }
    dead, other = ("r-dead", "Dead letter"), ("r-dead-2", "Dead letter")
    both, done = ("r-both", "Dead letter"), ("r-done", "Outcome")
    assert told["r-done"] == [both, other, dead, ("r-sent", "Spooled event")]
    assert sorted(told["r-dead"]) == sorted([both, done, other])
    assert sorted(told["trace-1"]) == sorted([both, dead, done, other])


def test_the_order_of_a_request_is_known_from_each_row_that_names_it() -> None:
    now = timezone.now()
    SpooledEvent.objects.create(request_id="r-1", order_id="SHOP-1", next_try_at=now)
    assert rows_of("r-1").order_ids == ["SHOP-1"]
    dead_letter(order_created(id="r-2", order_id="SHOP-2", customer_id="C-2"))
    processor.handle(
        message(order_created(id="r-2", order_id="SHOP-2", customer_id="C-2"))
    )
    found = rows_of("r-2")
    assert (found.order_ids, found.customer_ids) == (["SHOP-2"], ["C-2"])
    event = order_returned(order_id="SHOP-2", customer_id="C-2")
    processor.handle(message(event))
    found = rows_of(event.id)
    assert (found.order_ids, found.customer_ids) == (["SHOP-2"], ["C-2"])
    OrderReturn.objects.all().delete()
    Order.objects.all().delete()
    assert rows_of("r-2").customer_ids == ["C-2"]


def test_the_rows_of_a_request_are_told_the_newest_first() -> None:
    event, now = order_created(id="r-1"), timezone.now()
    for number in range(3):
        failed_attempt(event, receive_count=number, started_at=now)
    queues = [
        dead_letter(event, queue=f"{name}-dlq").queue for name in ("orders", "emails")
    ]
    found = rows_of("r-1")
    assert [one.receive_count for one in found.attempts] == [2, 1, 0]
    assert [one.queue for one in found.letters] == queues[::-1]
    assert Attempt.objects.count() == 3
    moments = [one.at for one in tell("r-1").moments]
    assert moments == sorted(moments, reverse=True)
    assert moments[-1] <= now + timedelta(seconds=1)
