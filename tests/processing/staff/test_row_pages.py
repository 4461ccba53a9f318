"""What the read-only pages of rows show, and to whom."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from processing.delivery import processor
from processing.events.masking import MASK
from processing.models import (
    Attempt,
    Order,
    OrderReturn,
    Outcome,
    SpooledEvent,
    StaffMember,
    User,
)
from tests.builders import order_created

pytestmark = pytest.mark.django_db
ADDRESS, MASKED = "grace@example.com", "g…@example.com"
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
HASHED = "md5$a-hash"


def outcome(**values: Any) -> Outcome:
    known = {"kind": Outcome.Kind.PROCESSED, "type": "order_created"}
    names = {"request_id": "request-1", "correlation_id": "request-1"}
    return Outcome.objects.create(**known, **names, fingerprint="f" * 64, **values)


def of_staff() -> Outcome:
    return outcome(made={Outcome.MESSAGE_FOR_SENDER: f"Größer? Ask {ADDRESS}."})


def attempt(request_id: str = "request-1") -> Attempt:
    return Attempt.objects.create(
        request_id=request_id,
        queue="orders",
        message_id=request_id,
        receive_count=1,
        permanent=False,
        error_type="SupplierError",
        error_text=f"No {ADDRESS}.",
        traceback=f"Line 1: {ADDRESS}",
        started_at=timezone.now(),
        duration_ms=1,
        worker="w",
        release="r",
    )


def spooled() -> SpooledEvent:
    return SpooledEvent.objects.create(
        request_id="request-1",
        body=f'{{"data": {{"email": "{ADDRESS}"}}}}',
        trace=f"{TRACE};vendor={ADDRESS}",
        next_try_at=timezone.now(),
    )


def returned() -> OrderReturn:
    order = Order.objects.create(
        order_id="ORD-1",
        customer_id="C-1",
        email=ADDRESS,
        total=1,
        currency="EUR",
        status_changed_at=timezone.now(),
        request_id="request-1",
    )
    return OrderReturn.objects.create(
        order=order, reason=f"Ask {ADDRESS}.", skus=["A-1", "B-2"], request_id="r-1"
    )


def account() -> User:
    return User.objects.create(username=ADDRESS, email=ADDRESS, password=HASHED)


def colleague(*codenames: str) -> Client:
    """Somebody who may look at every row, and do what *codenames* say."""
    grace = StaffMember.objects.create(username="grace", is_staff=True)
    viewing = Permission.objects.filter(
        codename__startswith="view_", content_type__app_label="processing"
    )
    grace.user_permissions.set(viewing)
    grace.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(User.objects.get(pk=grace.pk))
    return client


def page(row: Model) -> str:
    return reverse(f"admin:{row._meta.db_table}_change", args=[row.pk])


def listed(row: Model) -> str:
    return reverse(f"admin:{row._meta.db_table}_changelist")


ROWS = (of_staff, attempt, spooled, returned, account)


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (of_staff, ["Größer?", MASKED]),
        (attempt, [MASK]),
        (spooled, [MASKED, TRACE]),
        (returned, [MASK, "A-1, B-2"]),
        (account, [MASKED]),
    ],
)
def test_a_page_masks_what_is_personal_for_who_may_not_see_it(
    make: Any, shown: list[str]
) -> None:
    row = make()
    text = colleague().get(page(row)).content.decode()
    assert ADDRESS not in text
    assert [one for one in shown if one not in text] == []
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("make", ROWS)
def test_a_page_shows_all_to_who_may_see_it_and_records_that(make: Any) -> None:
    row = make()
    text = colleague("view_personal_deadletter").get(page(row)).content.decode()
    assert ADDRESS in text
    assert HASHED not in text
    assert LogEntry.objects.get().change_message == "Looked at personal data."


@pytest.mark.parametrize("make", ROWS)
def test_a_list_masks_for_everybody(make: Any) -> None:
    text = colleague("view_personal_deadletter").get(listed(make())).content.decode()
    assert ADDRESS not in text
    assert not LogEntry.objects.exists()


def test_the_list_of_outcomes_says_what_did_not_change_anything(
    admin_client: Client,
) -> None:
    row = outcome(made={"status": Outcome.STALE})
    text = admin_client.get(listed(row)).content.decode()
    assert "Nothing changed: a later change was stored already." in text


def test_the_latest_attempt_stands_first(admin_client: Client) -> None:
    rows = [attempt(f"request-{number}") for number in range(3)]
    found = admin_client.get(listed(rows[0])).context["cl"].result_list
    assert [*found] == rows[::-1]


@pytest.mark.parametrize("may_find", [True, False])
def test_a_name_leads_to_all_that_bears_it_for_who_may_find_it(
    *, may_find: bool
) -> None:
    row = outcome(order_id="ORD-7")
    client = colleague(*(["view_deadletter"] if may_find else []))
    link = f'href="{reverse("admin:find", query={"q": "ORD-7"})}"'
    text = client.get(page(row)).content.decode()
    assert "ORD-7" in text
    assert (link in text) == may_find


def test_the_items_of_an_order_stand_as_they_were_asked_for(
    admin_client: Client,
) -> None:
    items = [
        {"sku": sku, "quantity": number, "unit_price": price}
        for sku, number, price in (("TEA-2", 3, "4.50"), ("CUP-1", 7, "12.00"))
    ]
    processor.process(order_created(order_id="ORD-1", items=items))
    text = admin_client.get(page(Order.objects.get())).content.decode()
    found = re.findall(
        r'<td class="field-(?:sku|quantity|unit_price)">\s*<p>(.*?)</p>', text
    )
    assert found == ["TEA-2", "3", "4.50", "CUP-1", "7", "12.00"]
