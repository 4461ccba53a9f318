"""A repair of many letters by a form: what is written into each of them."""

import json
from typing import Any

import pytest
from django.test import Client

from dlq_review.letters import revisions
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, runner
from tests.builders import dead_letter, failure, order_created, order_data
from tests.dlq_review.desk_pages import OPERATIONS, html
from tests.dlq_review.wrong_letters import EDIT, items, wrong

pytestmark = pytest.mark.django_db


def operation_of(desk: Client, form: dict[str, Any]) -> Operation:
    answer = desk.post(EDIT, {"reason": "x", **form})
    assert answer.status_code == 302, answer.content.decode()
    return Operation.objects.get()


def run(operation: Operation) -> None:
    control.start(operation, by="ada")
    runner.run(operation, seconds=5)


def data_of(letter: DeadLetter) -> dict[str, Any]:
    body = letter.revisions.first().body  # type: ignore[union-attr]
    found: dict[str, Any] = json.loads(body)["data"]
    return found


def test_each_letter_gets_the_total_of_its_own_items(
    desk: Client, no_sqs: None
) -> None:
    goods = [items("A"), items("A", "B"), items("A", "B", "C")]
    letters = [wrong(currency="EUR", total="7.00", items=one) for one in goods]
    letters.append(wrong(currency="EUR", total=7, items=items("A")))
    broken = wrong(total="7.00", items=items("A"))
    ids = " ".join(str(one.pk) for one in [*letters, broken])
    shown = html(desk, f"{EDIT}?ids={ids.replace(' ', '+')}&path=/data/total")
    assert "compute it from the other fields" in shown
    form = {"ids": ids, "path": "/data/total", "compute": "/data/total"}
    operation = operation_of(desk, {**form, "was": '"7.00"', "new": ""})
    preview = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    for total in ("9.00", "18.00", "27.00"):
        assert f"+    &quot;total&quot;: &quot;{total}&quot;" in preview
    assert "<b>4</b> would change and be valid" in preview
    assert "/data/total cannot be computed: another field is wrong." in preview
    run(operation)
    totals = [data_of(one)["total"] for one in letters]
    assert totals == ["9.00", "18.00", "27.00", "9.00"]
    assert data_of(broken)["total"] == "7.00"


def test_a_computed_field_follows_what_is_changed_beside_it(
    desk: Client, no_sqs: None
) -> None:
    letter = wrong(
        currency="EUR", total="9.00", items=[items("A")[0] | {"quantity": 0}]
    )
    asked = {"ids": letter.pk, "path": "/data/items/*/quantity"}
    shown = html(desk, f"{EDIT}?ids={letter.pk}")
    assert "<code>/data/items/*/quantity</code></h2>" in shown
    assert "and compute <code>/data/total</code>" in shown
    form = {**asked, "was": "0", "new": "3", "compute": "/data/total"}
    run(operation_of(desk, form))
    assert data_of(letter)["total"] == "13.50"


def test_a_place_whose_name_is_a_star_is_not_taken_for_any_place(desk: Client) -> None:
    letters = [
        wrong(currency="EUR", items=[items("A")[0] | {"*": 1}]),
        wrong(**{"*": 1}),
    ]
    ids = "+".join(str(one.pk) for one in letters)
    places = desk.get(f"{EDIT}?ids={ids}").context["places"]
    assert [one.pointer for one, _ in places] == ["/data/currency"]


def test_a_number_that_is_too_large_stands_in_no_form_and_is_computed(
    desk: Client, no_sqs: None
) -> None:
    body = json.dumps({"type": "order_created", "data": order_data(total=0)})
    bodies = [body.replace('"total": 0', f'"total": {one}') for one in ("1e400", "7")]
    told = failure(error_type="InvalidEventError")
    letters = [dead_letter(one, attributes=told) for one in bodies]
    form = {"ids": " ".join(str(one.pk) for one in letters), "path": "/data/total"}
    asked = f"{EDIT}?ids={form['ids'].replace(' ', '+')}"
    assert [row["json"] for row in desk.get(asked).context["values"]] == ["7"]
    sent = {"was": ["7", "Infinity"], "new": ["9.00", "9.00"]}
    run(operation_of(desk, form | sent | {"compute": "/data/total"}))
    assert [data_of(one)["total"] for one in letters] == ["9.00", "9.00"]


def test_a_value_is_replaced_in_whichever_item_has_it(
    desk: Client, no_sqs: None
) -> None:
    first = wrong(currency="EUR", items=items("A", "-x", "B"))
    both = wrong(currency="EUR", items=items("-y", "C", "-x", "-y"))
    other = wrong(currency="EUR", items=items("-z"))
    ids = " ".join(str(one.pk) for one in (first, both, other))
    path = "/data/items/*/sku"
    form = {"ids": ids, "path": path, "was": ['"-x"', '"-y"'], "new": ["X", "Y"]}
    operation = operation_of(desk, form)
    preview = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    assert "<b>2</b> would change and be valid" in preview
    said = f"1 × {path} has another value than the change expects: in every place"
    assert said in preview
    run(operation)
    skus = [[item["sku"] for item in data_of(one)["items"]] for one in (first, both)]
    assert skus == [["A", "X", "B"], ["Y", "C", "X", "Y"]]
    assert operation.items.get(letter=other).state == "skipped"
    undo = desk.post(f"{OPERATIONS}{operation.pk}/undo/", {"reason": "x"})
    assert undo.status_code == 302
    run(Operation.objects.get(undoes=operation))
    assert [item["sku"] for item in data_of(both)["items"]] == ["-y", "C", "-x", "-y"]


def test_a_letter_that_was_changed_since_the_preview_gets_no_value(
    desk: Client, no_sqs: None
) -> None:
    letter = wrong(currency="EUR", total="7.00")
    form = {"ids": letter.pk, "path": "/data/total", "compute": "/data/total"}
    operation = operation_of(desk, form)
    revisions.edit(
        letter,
        json.dumps(
            {
                "id": letter.request_id,
                "type": "order_created",
                "data": order_data(order_id="ORD-5"),
            }
        ),
        based_on=0,
        by="bob",
        reason="x",
    )
    run(operation)
    assert operation.items.get().state == "skipped"
    assert letter.revisions.count() == 2


def test_the_field_that_a_business_rule_refused_is_offered(
    desk: Client, no_sqs: None
) -> None:
    letters = []
    for number in range(2):
        told = failure(
            error_type="OrderOfAnotherError",
            error_field="data.customer_id",
            error_text=f"The order ORD-{number} has another customer.",
        )
        event = order_created(order_id=f"ORD-{number}")
        letters.append(dead_letter(event, attributes=told))
    asked = f"{OPERATIONS}new/?group={letters[0].group_id}&kind=fix"
    shown = html(desk, desk.get(asked)["Location"])
    assert "<code>/data/customer_id</code></h2>" in shown
    assert "<b>C-17</b>" in shown
    assert "The order ‹…› has another customer." in shown
    form = {"group": letters[0].group_id, "path": "/data/customer_id"}
    operation = operation_of(desk, {**form, "was": '"C-17"', "new": "C-71"})
    run(operation)
    assert {data_of(one)["customer_id"] for one in letters} == {"C-71"}
    there = f"{EDIT}?group={letters[0].group_id}"
    assert "names a field in these letters" in html(desk, there)
