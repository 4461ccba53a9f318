"""From one edited letter, or from a form of wrong values, to a repair of the others."""

import json
from typing import Any

import pytest
from django.test import Client

from dlq_review.desk import example_views
from dlq_review.letters import revisions
from dlq_review.models import AuditEntry, DeadLetter, Operation
from dlq_review.operations import control, runner
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
    valid = SignupRequested(email="zquill@b.org", name="Zquilla")
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


def items(*skus: str) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": 2, "unit_price": "4.50"} for sku in skus]


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


def test_a_form_of_several_places_says_that_one_change_must_mend_them_all(
    desk: Client,
) -> None:
    there = f"{EDIT}?group={wrong(items=items('-x')).group_id}"
    assert "need one change for all of them" in html(desk, there)
    assert "need one change" not in html(desk, f"{EDIT}?ids={wrong().pk}")


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


def test_the_repair_of_a_letter_that_a_rule_refused_is_an_example(desk: Client) -> None:
    told = failure(error_type="OrderOfAnotherError", error_field="data.customer_id")
    first, _ = (dead_letter(order_created(), attributes=told) for _ in "ab")
    form = {"based_on": 0, "patch": "", "reason": "x", "/data/customer_id": "C-71"}
    shown = desk.post(page(first, "edit"), form, follow=True).content.decode()
    assert "Make the same change in 1 other" in shown
    assert "<code>/data/customer_id</code>" in shown
    desk.post(page(first, "example"), {"revision": 1})
    steps = Operation.objects.get().patch
    assert [step["path"] for step in steps] == ["/data/customer_id"] * 2


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
