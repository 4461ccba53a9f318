"""From one edited letter, or from a form of wrong values, to a repair of the others."""

import json
from typing import Any

import pytest
from django.test import Client

from dlq_review.desk import example_views
from dlq_review.letters import revisions
from dlq_review.models import AuditEntry, DeadLetter, Operation
from processing.events.contracts import SignupRequested
from processing.events.envelope import Event
from tests.builders import dead_letter, failure, order_created, order_data
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, html, page
from tests.dlq_review.operation_runs import started

pytestmark = pytest.mark.django_db
EDIT = f"{OPERATIONS}edit/"


def wrong(**data: Any) -> DeadLetter:
    fields = {**order_data(), "currency": "euros", **data}
    fields = {name: value for name, value in fields.items() if value is not ...}
    body = json.dumps({"type": "order_created", "data": fields})
    return dead_letter(body, attributes=failure(error_type="InvalidEventError"))


def mended(letter: DeadLetter, **data: Any) -> DeadLetter:
    body = json.loads(letter.revisions.get(number=letter.revision).body)
    body["data"] |= {"currency": "EUR", **data}
    text = json.dumps(body)
    revisions.edit(letter, text, based_on=letter.revision, by="ada", reason="x")
    return letter


def test_a_saved_edit_offers_the_same_change_for_the_others(desk: Client) -> None:
    letter = wrong()
    others = [wrong(), wrong(), wrong(currency="pounds")]
    assert "Make the same change" not in html(desk, page(letter))
    mended(letter)
    shown = html(desk, page(letter))
    assert "Make the same change in 2 others" in shown
    assert "<del>euros</del> → <ins>EUR</ins>" in shown
    answer = desk.post(
        page(letter, "example"), {"revision": 1, "redrive": "on", "reason": "As agreed"}
    )
    operation = Operation.objects.get()
    assert answer["Location"] == f"{OPERATIONS}{operation.pk}/change/"
    assert (operation.kind, operation.canary) == ("repair", 5)
    assert set(operation.items.values_list("letter", flat=True)) == {
        one.pk for one in others
    }
    preview = html(desk, answer["Location"])
    assert "<b>2</b> would change and be valid, and be redriven" in preview
    assert "1 × /data/currency has another value than the change expects: pounds" in (
        preview
    )
    assert not DeadLetter.objects.exclude(pk=letter.pk).filter(revision=1).exists()


def test_without_the_switch_it_is_an_edit(desk: Client) -> None:
    letter = mended(wrong())
    wrong()
    desk.post(page(letter, "example"), {"revision": 1})
    operation = Operation.objects.get()
    assert (operation.kind, operation.canary) == ("fix", 0)
    assert operation.reason == f"The same change as in {letter}."


def test_the_example_of_an_older_revision_is_refused(desk: Client) -> None:
    letter = mended(mended(wrong()), currency="USD")
    wrong()
    for revision in ("1", "", "x"):
        desk.post(page(letter, "example"), {"revision": revision})
    assert not Operation.objects.exists()
    desk.post(page(letter, "example"), {"revision": 2})
    assert Operation.objects.get().patch[1]["json"] == '"USD"'


def test_nobody_is_offered_a_change_that_fits_no_other(desk: Client) -> None:
    letter = mended(wrong())
    wrong(currency="pounds")
    assert "Make the same change" not in html(desk, page(letter))


def test_the_offer_says_when_only_a_part_of_the_group_was_looked_at(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = mended(wrong())
    wrong(), wrong(), wrong()
    monkeypatch.setattr(example_views, "SAMPLE", 2)
    assert "in at least 2 others" in html(desk, page(letter))


@pytest.mark.parametrize(
    ("permissions", "offered"),
    [
        (("view", "change", "bulk_redrive"), True),
        (("view", "bulk_redrive"), False),
        (("view", "change"), False),
    ],
)
def test_the_offer_needs_the_permissions_of_a_repair(
    client_of: ClientOf, permissions: tuple[str, ...], offered: bool
) -> None:
    letter = mended(wrong())
    wrong()
    browser = client_of(*permissions)
    assert ("Make the same change" in html(browser, page(letter))) is offered
    status = browser.post(page(letter, "example"), {"revision": 1}).status_code
    assert status == (302 if offered else 403)


@pytest.mark.parametrize("reveals", [True, False])
def test_a_change_of_personal_data_is_masked_and_goes_on_record(
    client_of: ClientOf, reveals: bool
) -> None:
    data = {"email": "zquill at b.org", "name": "Zquill"}
    first, _ = (
        dead_letter(
            json.dumps({"type": "signup_requested", "data": data}),
            queue="signups-dlq",
            attributes=failure(error_type="InvalidEventError"),
        )
        for _ in "ab"
    )
    valid = SignupRequested(email="zquill@b.org", name="Zquill")
    body = Event.new(valid, id=first.request_id).body
    revisions.edit(first, body, based_on=0, by="ada", reason="x")
    names = ("view", "change", "bulk_redrive", *(("view_personal",) if reveals else ()))
    browser = client_of(*names)
    shown = html(browser, page(first))
    assert "zquill" not in shown.lower()
    assert ("Make the same change" in shown) is reveals
    answer = browser.post(page(first, "example"), {"revision": 1})
    assert answer.status_code == (302 if reveals else 403)
    assert AuditEntry.objects.filter(verb="revealed").exists() is reveals
    assert Operation.objects.exists() is reveals


def test_an_edit_of_a_group_is_a_form_with_the_wrong_values(desk: Client) -> None:
    letter = wrong()
    for data in ({}, {"currency": "pounds"}, {"currency": "Zquill €"}):
        wrong(**data)
    asked = f"{OPERATIONS}new/?group={letter.group_id}&kind=fix"
    there = desk.get(asked)["Location"]
    assert there == f"{EDIT}?group={letter.group_id}"
    shown = html(desk, there)
    assert "<code>/data/currency</code></h2>" in shown
    assert "<option>EUR</option>" in shown
    assert "Zquill" not in shown
    assert "1 letter with a value that is not shown" in shown
    assert "JSON Patch instead" in shown
    assert desk.get(f"{asked}&as=json").status_code == 200
    answer = desk.post(
        EDIT,
        {
            **{"group": letter.group_id, "path": "/data/currency", "redrive": "on"},
            **{"was": ['"euros"', '"pounds"'], "new": ["EUR", "GBP"], "reason": "x"},
        },
    )
    preview = html(desk, answer["Location"])
    assert "<b>3</b> would change and be valid" in preview
    assert "Zquill" not in preview
    operation = Operation.objects.get()
    assert (operation.kind, operation.total) == ("repair", 4)


@pytest.mark.parametrize(
    ("data", "sent", "after"),
    [
        ({"currency": ...}, {"was": "missing", "new": "EUR"}, {"currency": "EUR"}),
        (
            {"currency": "EUR", "customer_id": None},
            {"path": "/data/customer_id", "was": "null", "new": "7"},
            {"customer_id": "7"},
        ),
        (
            {
                "currency": "EUR",
                "items": [{"sku": "A", "quantity": 0, "unit_price": "1.00"}],
            },
            {"path": "/data/items/0/quantity", "was": "0", "new": "3"},
            {"items": [{"sku": "A", "quantity": 3, "unit_price": "1.00"}]},
        ),
        (
            {"currency": "EUR", "total": None},
            {"path": "/data/total", "was": "null", "remove": "null", "new": ""},
            {"total": None},
        ),
    ],
)
def test_each_wrong_value_gets_its_new_one_as_the_contract_writes_it(
    desk: Client, data: dict[str, Any], sent: dict[str, str], after: dict[str, Any]
) -> None:
    letter = wrong(**data)
    form = {"ids": letter.pk, "path": "/data/currency", "reason": "x", **sent}
    assert desk.post(EDIT, form).status_code == 302
    operation = Operation.objects.get()
    assert operation.kind == "fix"
    assert "<b>1</b> would change and be valid" in html(
        desk, f"{OPERATIONS}{operation.pk}/change/"
    )
    (case,) = operation.patch
    assert case[0]["op"] == ("absent" if sent["was"] == "missing" else "test")
    (value,) = after.values()
    if value is not None and not isinstance(value, list):
        assert json.loads(case[1]["json"]) == value


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"new": ""}, "a new value for at least one"),
        ({"was": '"yen"', "new": "EUR"}, "a new value for at least one"),
        ({"new": "EUR", "reason": ""}, "Give a reason"),
    ],
)
def test_a_form_without_a_change_is_shown_again(
    desk: Client, sent: dict[str, str], why: str
) -> None:
    wrong()
    form = {"path": "/data/currency", "was": '"euros"', "reason": "x", **sent}
    answer = desk.post(EDIT, form)
    assert answer.status_code == 200
    assert why in answer.content.decode()
    assert not Operation.objects.exists()


def test_letters_that_their_contracts_accept_get_the_json_patch(desk: Client) -> None:
    letter = dead_letter(order_created())
    answer = desk.get(f"{OPERATIONS}new/?group={letter.group_id}&kind=fix")
    assert "JSON Patch" in answer.content.decode()
    assert "refuses nothing" in html(desk, f"{EDIT}?group={letter.group_id}")


def test_an_operation_lists_its_letters_and_offers_the_next_step(desk: Client) -> None:
    operation = started(12)
    operation.items.update(state="failed_again")
    first = operation.items.earliest("pk")
    operation.items.filter(pk__gt=first.pk + 1).update(state="processed")
    Operation.objects.update(state="done")
    shown = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    for item in operation.items.all():
        assert page(item.letter) in shown
    asked = f"{OPERATIONS}new/?kind=fix&amp;after={operation.pk}"
    assert f'href="{asked}"' in shown
    assert "Edit these 2…" in shown
