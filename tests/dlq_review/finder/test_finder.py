"""Where is it? Every name of a request, every place that it can be in, and who may ask."""

import json
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from dlq_review.finder import lookup
from dlq_review.finder.answer import _LETTER, _OUTCOME, _RECEIPT
from dlq_review.finder.story import tell
from dlq_review.letters import customers, revisions, settlement
from dlq_review.models import Arrival, AuditEntry, DeadLetter, FailureGroup
from dlq_review.redrive import undo_window
from dlq_review.redrive.terms import Redrive, Terms
from processing.delivery import processor
from processing.events.contracts import OrderCreated
from processing.events.envelope import Event
from processing.models import Order, OrderReturn, Outcome, SpooledEvent, User
from processing.receipts import Receipt, State
from processing.sqs import queues
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    order_data,
    order_returned,
    order_updated,
    redrive_now,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import LIST, html, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]

FIND = "/admin/find/"
ADDRESS = "grace@example.com"


def story_of(request_id: str) -> str:
    return reverse("admin:request", args=[request_id])


def an_order(**changes: object) -> Event:
    given = {"order_id": "SHOP-1", "customer_id": "C-99", "email": ADDRESS, **changes}
    data = OrderCreated.model_validate(order_data(**given))
    return Event.new(data, correlation_id="trace-1")


def processed() -> tuple[str, list[str]]:
    event = an_order()
    processor.handle(message(event))
    token = Receipt.of(event).token
    urls = [f"https://shop.example/receipts/{token}/", token.replace("~", "%7E")]
    names = [event.id, "trace-1", "SHOP-1", "C-99", ADDRESS, ADDRESS.upper(), token]
    return event.id, [*names, *urls, f"  {event.id}\n"]


def dead() -> tuple[str, list[str]]:
    event = an_order()
    letter = dead_letter(event, attributes={"correlation_id": "trace-1"})
    message_id = Arrival.objects.get(letter=letter).message_id
    return event.id, [event.id, "trace-1", "SHOP-1", "C-99", message_id]


def dead_with_another_customer() -> tuple[str, list[str]]:
    event = an_order(customer_id="C-98")
    body = event.body.replace("C-98", "C-99")
    revisions.edit(dead_letter(event), body, based_on=0, by="ada", reason="x")
    return event.id, ["C-99"]


def dead_of_an_earlier_release() -> tuple[str, list[str]]:
    event = an_order()
    dead_letter(event)
    DeadLetter.objects.update(customer_id=None)
    assert [customers.note(seconds=5), customers.note(seconds=5)] == [1, 0]
    return event.id, ["C-99"]


def changed() -> tuple[str, list[str]]:
    event = order_updated(order_id="SHOP-7")
    processor.handle(message(order_created(order_id="SHOP-7")))
    processor.handle(message(event))
    Order.objects.all().delete()  # which bears the id too
    return event.id, [event.id, "SHOP-7"]


def changed_by_an_earlier_release() -> tuple[str, list[str]]:
    request_id, _ = changed()
    Outcome.objects.update(order_id=None)
    import_module("processing.migrations.0020_outcomes_of_an_order").name_orders(
        apps, None
    )
    return request_id, ["SHOP-7"]


def changed_too_late() -> tuple[str, list[str]]:
    request_id, _ = changed()
    Outcome.objects.filter(pk=request_id).delete()
    processor.handle(message(order_created(order_id="SHOP-7")))
    Order.objects.update(status="paid", status_changed_at=timezone.now())
    event = order_updated(order_id="SHOP-7", status="shipped")
    processor.handle(message(event))
    assert Outcome.objects.get(pk=event.id).stale
    Order.objects.all().delete()
    return event.id, ["SHOP-7"]


def refused() -> tuple[str, list[str]]:
    event = order_returned(order_id="SHOP-8")
    processor.refuse(event, "We know no such order.")
    return event.id, ["SHOP-8"]


def failed_once() -> tuple[str, list[str]]:
    event = an_order()
    attempt = failed_attempt(event)
    return event.id, [event.id, attempt.message_id]


def spooled() -> tuple[str, list[str]]:
    event = an_order()
    _spool(event.id, cause="cause-1", order_id="SHOP-1")
    return event.id, [event.id, "SHOP-1", "cause-1"]


def signed_up() -> tuple[str, list[str]]:
    event = signup_requested(email=ADDRESS)
    processor.handle(message(event))
    return event.id, [event.id, ADDRESS, "Grace@Example.com"]


def returned() -> tuple[str, list[str]]:
    processor.handle(message(an_order()))
    event = order_returned(order_id="SHOP-1", skus=["TEA-1"])
    processor.handle(message(event))
    Order.objects.update(customer_id="C-1")
    Order.objects.filter(pk="SHOP-1").update(request_id=event.id)
    return event.id, [event.id, "C-1"]


@pytest.mark.parametrize(
    "place",
    [
        *(processed, dead, failed_once, spooled, signed_up, returned, changed, refused),
        changed_by_an_earlier_release,
        *(dead_with_another_customer, dead_of_an_earlier_release, changed_too_late),
    ],
)
def test_each_name_of_a_request_leads_to_its_page(
    desk: Client, place: Callable[[], tuple[str, list[str]]]
) -> None:
    request_id, names = place()
    processor.handle(message(order_created()))  # another one, which no name finds
    for name in names:
        answer = desk.post(FIND, {"q": name})
        assert answer.status_code == 302, name
        assert answer["Location"].partition("?")[0] == story_of(request_id), name
    assert desk.get(story_of(request_id)).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["", "nothing-such", "SHOP", "%", "' OR 1=1", "x" * 3_000, "x" * 65, "☃"],
)
def test_what_names_no_request_is_said_so(desk: Client, name: str) -> None:
    for place in (returned, dead, spooled, failed_once):
        place()
    answer = desk.post(FIND, {"q": name})
    assert answer.status_code in (200, 404)
    assert "/admin/requests/" not in answer.content.decode()


def test_a_name_of_several_requests_lists_each_by_its_kind(desk: Client) -> None:
    ids = []
    for number in range(3):
        event = an_order(order_id=f"SHOP-{number}")
        processor.handle(message(event))
        ids.append(event.id)
    text = html(desk, f"{FIND}?q=C-99")
    assert "3 requests" in text
    for number, request_id in enumerate(ids):
        assert f'href="{story_of(request_id)}">SHOP-{number} of customer C-99' in text


@pytest.mark.parametrize("more", [0, 1])
def test_a_list_of_very_many_is_cut_and_says_so(desk: Client, more: int) -> None:
    for number in range(lookup.MOST + more):
        failed_attempt(order_created(), message_id="m-1", receive_count=number)
    found = lookup.find("m-1", personal=False)
    assert (len(found.hits), found.cut) == (lookup.MOST, bool(more))
    assert ("Only the newest of each kind" in html(desk, f"{FIND}?q=m-1")) is bool(more)


def test_an_address_is_found_only_by_those_who_may_see_it_and_is_on_record(
    desk: Client, client_of: ClientOf
) -> None:
    processed()
    viewer = client_of("view", name="eve")
    refused = viewer.post(FIND, {"q": ADDRESS})
    assert refused.status_code == 200
    assert "do not have the permission" in refused.content.decode()
    assert not AuditEntry.objects.filter(verb="revealed").exists()
    assert viewer.post(FIND, {"q": "SHOP-1"}).status_code == 302  # ids need none
    assert desk.post(FIND, {"q": ADDRESS}).status_code == 302
    noted = AuditEntry.objects.get(verb="revealed")
    assert (noted.actor, noted.reason) == ("ada", "Whether g…@example.com is known")


@pytest.mark.parametrize(
    ("kept", "typed", "found"),
    [
        ("ada@example.com", "Ada@Example.COM", True),
        ("ORD-17", "ORD-17", True),
        ("ord-17", "ORD-17", True),
        (
            "ORD-17",
            "ord-17",
            False,
        ),  # an index finds what is written, or in small letters
    ],
)
def test_a_letter_is_found_by_its_reference(
    desk: Client, kept: str, typed: str, found: bool
) -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(reference=kept)
    answer = desk.post(FIND, {"q": typed})
    assert (answer.status_code == 302) is found


def test_an_address_in_a_link_is_not_looked_up(desk: Client) -> None:
    processed()
    text = html(desk, f"{FIND}?q={ADDRESS}")
    assert "does not belong into an address" in text
    assert ADDRESS not in text
    assert not AuditEntry.objects.filter(verb="revealed").exists()


def test_both_pages_need_the_permission_to_see_letters(client_of: ClientOf) -> None:
    request_id, _ = processed()
    eve = client_of("change", "redrive", "view_personal", name="eve")
    for answer in (
        eve.get(FIND),
        eve.post(FIND, {"q": request_id}),
        eve.get(story_of(request_id)),
    ):
        assert answer.status_code == 403
    assert Client().get(story_of(request_id)).status_code == 302  # to the login
    assert 'class="finder"' not in eve.get("/admin/").content.decode()


def test_the_box_stands_on_every_page_and_asks_for_a_token(desk: Client) -> None:
    letter = dead_letter()
    for url in ("/admin/", LIST, page(letter), FIND):
        # In an address of a page, what was looked for would be kept and logged.
        box = '<form method="post" action="/admin/find/"'
        assert box in desk.get(url).content.decode(), url
    strict = Client(
        enforce_csrf_checks=True,
    )
    strict.force_login(User.objects.get(username="ada"))
    assert strict.post(FIND, {"q": "SHOP-1"}).status_code == 403


def _waiting(event: Event) -> None:
    dead_letter(event)


def _taken(event: Event) -> None:
    letter = dead_letter(event)
    FailureGroup.objects.filter(pk=letter.group_id).update(owner="eva")


def _redriven(event: Event) -> None:
    redrive_now(dead_letter(event), by="eva")


def _discarded(event: Event) -> None:
    settlement.discard(dead_letter(event), by="eva", reason="twice")


def _done_long_ago(event: Event) -> None:
    processor.handle(message(event))
    Outcome.objects.all().delete()


def _settled_long_ago(event: Event) -> None:
    _discarded(event)
    Outcome.objects.all().delete()


def _quarantined(event: Event) -> None:
    dead_letter(event)
    DeadLetter.objects.update(state="quarantined")


def _being_sent(event: Event) -> None:
    undo_window.redrive_soon(Redrive(dead_letter(event), 0), Terms("eva"))


def _too_late(event: Event) -> None:
    processor.handle(message(event))
    Outcome.objects.update(made={"order": "SHOP-1", "status": Outcome.STALE})


def _refused_for_good(event: Event) -> None:
    _in_the_spool(event)
    SpooledEvent.objects.update(refusal="TooLong", refused_for_good=True)


def _in_the_spool(event: Event) -> None:
    _spool(event.id, refusal="OSError")


def _spool(request_id: str, **more: str) -> None:
    now = timezone.now()
    SpooledEvent.objects.create(request_id=request_id, next_try_at=now, **more)


#: What happened to the request, the one line on top, and the heading of the receipt.
LINES: dict[str, tuple[Callable[[Event], object], str, str]] = {
    "done": (
        lambda event: processor.handle(message(event)),
        "Done: SHOP-1.",
        "Done",
    ),
    "waiting": (
        _waiting,
        "Dead letter, open, on orders, taken by nobody yet.",
        "We are looking at this",
    ),
    "taken": (
        _taken,
        "Dead letter, open, on orders, taken by eva.",
        "We are looking at this",
    ),
    "redriven": (
        _redriven,
        "Dead letter, redriven; its outcome is awaited, on orders, taken by nobody yet.",
        "Processing",
    ),
    "quarantined": (
        _quarantined,
        "Dead letter, quarantined, on orders, taken by nobody yet.",
        "We are looking at this",
    ),
    "being sent": (
        _being_sent,
        "Dead letter, being sent again, on orders, taken by nobody yet.",
        "We are looking at this",
    ),
    "refused": (
        lambda event: processor.refuse(event, "No."),
        "Refused; the receipt of its sender says what to correct.",
        "Not accepted",
    ),
    "too late": (_too_late, "Done: SHOP-1.", "Nothing changed"),
    "discarded": (_discarded, "Discarded by staff.", "Not accepted"),
    "settled long ago": (
        _settled_long_ago,
        "Dead letter, discarded, and its outcome was removed since.",
        "Received",
    ),
    "failed once": (
        failed_attempt,
        "Failed once on orders; SQS delivers it again.",
        "Processing",
    ),
    "failed twice": (
        lambda event: [failed_attempt(event) for _ in range(2)],
        "Failed 2 times on orders; SQS delivers it again.",
        "Processing",
    ),
    "done long ago": (
        _done_long_ago,
        "Carried out; its outcome was removed after its retention.",
        "Received",
    ),
    "failed for good": (
        lambda event: failed_attempt(event, permanent=True),
        "Failed for good on orders; it waits in the DLQ to be pulled.",
        "We are looking at this",
    ),
    "spooled": (
        _in_the_spool,
        "In the spool, because SQS has not taken it (OSError); it is sent again by itself.",
        "Received",
    ),
    "spooled just now": (
        lambda event: _spool(event.id),
        "In the spool, because SQS has not taken it (not tried yet); it is sent again by itself.",
        "Received",
    ),
    "refused by SQS": (
        _refused_for_good,
        "In the spool, because SQS has not taken it (TooLong).",
        "Received",
    ),
}


def test_each_state_and_outcome_is_told_in_a_line_of_its_own() -> None:
    known = (_RECEIPT, _OUTCOME, _LETTER)
    lines = " ".join(f"{line} {receipt}." for _, line, receipt in LINES.values())
    for words in (words for one in known for words in one.values()):
        assert words in lines
    assert len({*_RECEIPT.values()}) == len(State)


@pytest.mark.parametrize("name", LINES)
def test_one_line_says_where_the_request_is(desk: Client, name: str) -> None:
    happened, line, receipt = LINES[name]
    event = an_order()
    happened(event)
    told = tell(event.id).answer
    assert (told.line, told.receipt) == (line, receipt)
    shown = unescape(html(desk, story_of(event.id)))
    assert line in shown
    assert f"the receipt of its sender says: {receipt}" in shown


def test_a_genuine_receipt_that_nothing_knows_yet_is_on_its_way(desk: Client) -> None:
    event = an_order()
    answer = desk.post(FIND, {"q": Receipt.of(event).token}, follow=True)
    assert "On its way: the receipt is genuine" in answer.content.decode()
    unproved = html(desk, story_of(event.id))
    assert "Nothing is recorded under this request id" in unproved
    forged = Receipt.of(event).token[:-2] + "zz"
    assert desk.post(FIND, {"q": forged}).status_code == 404
    other = Receipt.of(an_order()).token  # proves another request, not this one
    assert "genuine" not in html(desk, f"{story_of(event.id)}?receipt={other}")


def test_the_story_goes_from_the_first_attempt_to_the_outcome(desk: Client) -> None:
    event = an_order()
    failed_attempt(event, started_at=timezone.now() - timedelta(minutes=5))
    letter = dead_letter(event)
    redrive_now(letter, by="eva", reason="the shop is back")
    processor.handle(message(event))
    titles = [moment.title for moment in reversed(tell(event.id).moments)]
    order = ("Attempt 1 failed", "Sent to the queue", "Pulled", "Sent back", "Stored")
    places = [
        next(n for n, title in enumerate(titles) if title.startswith(wanted))
        for wanted in order
    ]
    assert places == sorted(places)
    assert titles.count("The request was processed") == 1
    shown = html(desk, story_of(event.id))
    assert page(letter) in shown
    assert "the shop is back" in shown


def test_requests_that_belong_together_name_each_other(desk: Client) -> None:
    event = signup_requested(email=ADDRESS)
    processor.handle(message(event))
    (mail,) = queues.receive("emails", limit=1)
    mail_id = json.loads(mail.body)["id"]
    assert tell(event.id).related == []
    _spool(mail_id, cause=event.id)
    assert [one.request_id for one in tell(event.id).related] == [mail_id]
    SpooledEvent.objects.all().delete()
    processor.handle(mail)
    assert [one.request_id for one in tell(event.id).related] == [mail_id]
    assert event.id in [one.request_id for one in tell(mail_id).related]


def test_no_page_shows_personal_data(desk: Client) -> None:
    event = an_order()
    failed_attempt(event, error_text=f"no such person {ADDRESS}")
    body = json.loads(event.body)
    body["data"]["order_id"] = "ada lovelace"  # which is no order id
    dead_letter(json.dumps(body))
    signup = signup_requested(email=ADDRESS, name="Grace Hopper")
    processor.handle(message(signup))
    told = {Outcome.MESSAGE_FOR_SENDER: f"No mail server of {ADDRESS} answers."}
    Outcome.objects.create(pk=event.id, kind=Outcome.Kind.REFUSED, made=told)
    for url in (story_of(event.id), story_of(signup.id)):
        text = html(desk, url)
        assert ADDRESS not in text
        assert "Grace" not in text
        assert "lovelace" not in text
    listed = desk.post(FIND, {"q": ADDRESS}, follow=True).content.decode()
    assert ADDRESS not in listed


@pytest.mark.parametrize("request_id", ["a b", "a/b", "<b>x</b>", "..", "ä%2F?#"])
def test_an_id_of_a_stranger_has_a_page_too(desk: Client, request_id: str) -> None:
    failed_attempt(an_order(), request_id=request_id)
    assert desk.post(FIND, {"q": request_id}).status_code in (200, 302)
    text = html(desk, story_of(request_id))
    assert "Failed once on orders" in text
    assert "<b>x" not in text


def test_what_is_too_long_for_a_request_id_has_no_page(desk: Client) -> None:
    assert desk.get(story_of("x" * 65)).status_code == 404


def test_rows_are_links_for_those_who_may_see_them(
    desk: Client, client_of: ClientOf
) -> None:
    request_id, _ = processed()
    row = reverse("admin:processing_outcome_change", args=[request_id])
    assert row not in html(client_of("view", name="eve"), story_of(request_id))
    User.objects.filter(username="ada").update(is_superuser=True)
    assert row in html(desk, story_of(request_id))
    assert story_of(request_id) in html(desk, row)


def test_names_on_the_page_of_a_letter_lead_to_all_that_they_name(desk: Client) -> None:
    letter = dead_letter(an_order(), attributes={"correlation_id": "trace-1"})
    text = html(desk, page(letter))
    for link in (
        story_of(letter.request_id),
        *(f"{FIND}?q={name}" for name in ("trace-1", "SHOP-1", "C-99")),
    ):
        assert f'href="{link}"' in text


def test_names_on_the_pages_of_rows_lead_to_all_that_they_name(
    desk: Client, client_of: ClientOf
) -> None:
    processor.handle(message(an_order(order_id="ORD-1", customer_id="C-17")))
    event = order_updated()
    for one in (event, order_returned()):
        processor.handle(message(one))
    link = FIND + "?q={}"
    shown = html(desk, story_of(event.id))
    assert f'href="{link.format("ORD-1")}"' in shown
    staff = client_of("view", name="grace")
    for name in ("order", "outcome", "orderreturn"):
        right = Permission.objects.get(codename=f"view_{name}")
        User.objects.get(username="grace").user_permissions.add(right)
    for model, pk, names in (
        ("order", "ORD-1", ["ORD-1", "C-17"]),
        ("outcome", event.id, ["ORD-1", event.correlation_id]),
        ("orderreturn", OrderReturn.objects.get().pk, ["ORD-1"]),
    ):
        row = reverse(f"admin:processing_{model}_change", args=[quote(pk)])
        for name in names:
            assert f'href="{link.format(name)}"' in html(staff, row), (model, name)
    rows = html(staff, reverse("admin:processing_order_changelist"))
    assert f'href="{link.format("C-17")}"' in rows
    User.objects.get(username="grace").user_permissions.remove(
        Permission.objects.get(codename="view_deadletter")
    )
    assert FIND not in html(staff, reverse("admin:processing_order_changelist"))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL")
def test_every_name_is_looked_up_by_an_index() -> None:
    with CaptureQueriesContext(connection) as asked:
        lookup.find("SHOP-1", personal=True)
        tell("SHOP-1")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in asked:
            if query["sql"].startswith("SELECT"):
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Seq Scan" not in plan, query["sql"]
