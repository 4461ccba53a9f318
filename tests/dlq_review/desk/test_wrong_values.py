"""The form of the wrong values of many letters: what it offers, takes and refuses."""

import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import Client

from dlq_review.models import Operation
from tests.builders import dead_letter, order_created
from tests.dlq_review.desk_pages import OPERATIONS, html, page
from tests.dlq_review.operation_runs import started
from tests.dlq_review.wrong_letters import EDIT, items, wrong

pytestmark = pytest.mark.django_db


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
    (as_json,) = re.findall(r'href="([^"]*as=json[^"]*)"', shown)
    as_json = as_json.replace("&amp;", "&")
    assert desk.get(as_json).context["form"]["kind"].value() == "fix"
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


def test_a_form_of_several_places_says_that_one_change_must_mend_them_all(
    desk: Client,
) -> None:
    there = f"{EDIT}?group={wrong(items=items('-x')).group_id}"
    assert "need one change for all of them" in html(desk, there)
    assert "need one change" not in html(desk, f"{EDIT}?ids={wrong().pk}")


def test_the_link_to_each_place_keeps_which_letters_were_chosen(desk: Client) -> None:
    group = wrong(items=items("-x")).group_id
    chosen = f"group={group}&queue=orders"
    links = [link for _, link in desk.get(f"{EDIT}?{chosen}").context["places"]]
    assert len(links) > 1
    for link in links:
        assert link.startswith(f"?{chosen}&path=")
        path = parse_qs(link[1:])["path"][0]
        assert desk.get(f"{EDIT}{link}").context["place"].pointer == path


#: What is wrong with a form whose fields are mostly hidden, and the sentence that says so.
REFUSALS: list[tuple[dict[str, object], str]] = [
    ({"reason": ""}, "Give a reason."),
    ({"reason": "  "}, "Give a reason."),
    ({"reason": "x" * 501}, "Reason: Ensure this value has at most 500 characters"),
    ({"group": "x"}, "Group: Enter a whole number."),
    ({"after": "0"}, "After: Ensure this value is greater than or equal to 1."),
    ({"queue": "none"}, "Queue: Select a valid choice."),
    ({"type": "none"}, "Type: Select a valid choice."),
    ({"error": "x" * 201}, "Error type: Ensure this value has at most 200 characters"),
    ({"since": "2y"}, "Failed since: Select a valid choice."),
    ({"field": "??"}, "Where the body says: &#x27;??&#x27; does not begin with a path"),
    ({"ids": "1 " * 50_001}, "Ids: Ensure this value has at most 100000 characters"),
    ({"new": "x" * 20_000}, "Change, for an edit: Ensure this value has at most 20000"),
]


@pytest.mark.parametrize(("sent", "why"), REFUSALS)
def test_each_error_of_the_form_says_its_own_sentence(
    desk: Client, sent: dict[str, object], why: str
) -> None:
    wrong()
    form = {"path": "/data/currency", "was": '"euros"', "new": "EUR", "reason": "x"}
    answer = desk.post(EDIT, form | sent)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert why in text
    assert ("Give a reason" in text) is ("Give" in why)
    assert "names a field in these letters" not in text
    assert not Operation.objects.exists()


def test_what_was_typed_is_kept_when_the_form_is_refused(desk: Client) -> None:
    wrong(customer_id=None, currency="EUR")
    form = {"path": "/data/customer_id", "was": "null", "new": "C-9", "reason": ""}
    text = desk.post(EDIT, form | {"compute": "/data/total"}).content.decode()
    assert 'name="new" value="C-9"' in text
    assert 'value="/data/total" checked' in text
    assert 'name="redrive" checked' not in text
    same = form | {"new": "", "reason": "The shop said so."}
    assert "The shop said so." in desk.post(EDIT, same).content.decode()
    odd = same | {"was": ["null", '"x"']}
    assert desk.post(EDIT, odd).status_code == 200


def test_letters_that_their_contracts_accept_get_the_json_patch(desk: Client) -> None:
    letter = dead_letter(order_created())
    answer = desk.get(f"{OPERATIONS}new/?group={letter.group_id}&kind=fix")
    assert "JSON Patch" in answer.content.decode()
    assert "names a field in these letters" in html(
        desk, f"{EDIT}?group={letter.group_id}"
    )


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
