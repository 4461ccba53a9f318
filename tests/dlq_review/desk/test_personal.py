import csv
import json
from collections.abc import Callable
from html import unescape
from http import HTTPStatus
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client

from dlq_review.letters import revisions, settlement
from dlq_review.models import AuditEntry, DeadLetter, Operation
from dlq_review.operations.edit_preview import preview
from dlq_review.operations.plans import Plan, freeze
from dlq_review.search.selections import Selection
from dlq_review.search.veil import Hidden, needs_reveal, veiled_condition
from processing.models import User
from processing.staff.read_only_admin import ReadOnlyAdmin
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    order_created,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import LIST, html, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("url", ["list", "page"])
def test_personal_data_is_masked_even_for_those_who_may_see_it(
    desk: Client, url: str
) -> None:
    letter = dead_letter(signup_requested(email="grace@example.com", name="Grace"))
    text = html(desk, LIST if url == "list" else page(letter))
    assert "grace@example.com" not in text
    assert "g…@example.com" in text
    assert "Grace" not in text


def test_revealing_needs_the_permission_and_is_on_record(
    desk: Client, client_of: ClientOf
) -> None:
    letter = dead_letter(signup_requested(email="grace@example.com"))
    assert client_of("view", name="eve").post(page(letter, "reveal")).status_code == 403
    assert desk.get(page(letter, "reveal")).status_code == 405
    assert not letter.audit.filter(verb="revealed").exists()
    text = desk.post(page(letter, "reveal")).content.decode()
    assert "grace@example.com" in text
    assert letter.audit.get(verb="revealed").actor == "ada"


@pytest.mark.parametrize("step", ["edit", "body/0"])
def test_the_raw_body_needs_the_permission(client_of: ClientOf, step: str) -> None:
    letter = dead_letter()
    client = client_of("view", "change")
    assert client.post(page(letter, step)).status_code == 403


def exported(client: Client, format: str, query: str = "") -> str:
    answer = client.post(f"{LIST}export/{format}/?{query}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_an_export_holds_what_the_list_shows(desk: Client) -> None:
    event = order_created(order_id="ORD-1")
    dead_letter(event)
    dead_letter(queue="emails-dlq")
    settled = dead_letter(order_created(order_id="ORD-2"))
    settlement.discard(settled, by="ada", reason="x")
    rows = list(csv.DictReader(StringIO(exported(desk, "csv", "queue=orders"))))
    assert [row["reference"] for row in rows] == ["ORD-1"]
    (line,) = exported(desk, "jsonl", "queue=orders").splitlines()
    assert json.loads(line)["body"] == event.body
    (line,) = exported(desk, "jsonl", "state=discarded").splitlines()
    assert json.loads(line)["id"] == settled.pk


def test_an_exported_cell_is_never_a_formula(desk: Client) -> None:
    dead_letter(attributes=failure(error_text="=HYPERLINK(1)", error_type="@SUM"))
    (row,) = csv.DictReader(StringIO(exported(desk, "csv")))
    assert row["error_text"] == "'=HYPERLINK(1)"
    assert row["error_type"] == "'@SUM"


def test_an_export_is_masked_without_the_permission(client_of: ClientOf) -> None:
    dead_letter(signup_requested(email="grace@example.com", name="Grace"))
    text = exported(client_of("view", "export"), "jsonl")
    assert "grace@" not in text
    assert "Grace" not in text


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_export_masks_error_texts_that_a_former_release_stored(
    client_of: ClientOf, format: str
) -> None:
    letter = dead_letter(signup_requested(email="grace@example.com"))
    told = "grace@example.com is taken."
    DeadLetter.objects.filter(pk=letter.pk).update(error_text=told)
    text = exported(client_of("view", "export"), format)
    assert "grace@" not in text
    assert "is taken." in text


def test_an_export_reads_in_steps_and_loses_nothing(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlq_review.search.export.STEP", 2)
    for _ in range(5):
        dead_letter()
    assert len(exported(desk, "jsonl").splitlines()) == 5


def test_an_export_needs_its_permission_and_a_known_format(
    desk: Client, client_of: ClientOf
) -> None:
    assert client_of("view", name="eve").post(f"{LIST}export/csv/").status_code == 403
    assert desk.post(f"{LIST}export/xls/").status_code == 404
    assert desk.get(f"{LIST}export/csv/").status_code == 405


@pytest.mark.parametrize(
    ("group", "may", "may_not"),
    [
        ("viewer", "view", "redrive"),
        ("editor", "redrive", "discard"),
        ("operator", "discard", "delete"),
    ],
)
def test_three_groups_are_there_to_put_staff_into(
    group: str, may: str, may_not: str
) -> None:
    user = User.objects.create(username="ada", email="ada@example.com")
    user.groups.add(Group.objects.get(name=f"Triage {group}"))
    assert user.has_perm(f"dlq_review.{may}_deadletter")
    assert not user.has_perm(f"dlq_review.{may_not}_deadletter")


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r\n", "\ufeff"])
@pytest.mark.parametrize("sign", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_cell_is_no_formula_behind_blanks_either(
    desk: Client, blank: str, sign: str
) -> None:
    dead_letter(attributes=failure(error_text=f"{blank}{sign}"))
    (row,) = csv.DictReader(StringIO(exported(desk, "csv"), newline=""))
    assert row["error_text"] == f"'{blank}{sign}"


def test_an_edit_of_many_is_previewed_without_personal_data() -> None:
    wrong = order_created(email="grace@example.com").body.replace("EUR", "euros")
    dead_letter(wrong)
    patch = [
        {"op": "replace", "path": "/data/email", "value": "g.hopper@example.com"},
        {"op": "replace", "path": "/data/currency", "value": "EUR"},
    ]
    plan = Plan(kind="fix", patch=patch)
    found = preview(freeze(Selection(), plan, by="ada"))
    text = "".join(line.text for _, lines, _ in found.samples for line in lines)
    assert found.changed == 1
    assert '+    "email": "g…@example.com"' in text
    assert "grace" not in text
    assert "hopper" not in text


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "poison",
    ["</script><script>alert(1)</script>", 'a",b\r\n=1', "\u202egpj.exe", "W" * 500],
)
def test_poison_leaves_in_an_export_as_one_inert_value(
    desk: Client, format: str, poison: str
) -> None:
    dead_letter(attributes=failure(error_text=poison))
    answer = desk.post(f"{LIST}export/{format}/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    if format == "csv":
        (row,) = csv.DictReader(StringIO(text, newline=""))
    else:
        row = json.loads(text)
    assert row["error_text"] == poison


GRACE = "grace@example.com"
NEW = "/admin/dlq_review/operation/new/"


def without_reveal(client_of: ClientOf) -> Client:
    """Somebody who may do everything but see personal data."""
    return client_of(
        *("view", "change", "redrive", "bulk_redrive", "discard", "export"), name="eve"
    )


@pytest.mark.parametrize(
    "query",
    [
        "deadletter/?reference__startswith=g",
        "deadletter/?reference=grace@example.com",
        "deadletter/?error_text__contains=grace",
        "deadletter/?revisions__body__contains=Grace",
        "deadletter/?arrivals__attributes__customer=Grace",
        "deadletter/?operations__why__contains=Grace",
        "auditentry/?letter__reference__startswith=g",
        "auditentry/?reason__contains=Grace",
        "operation/?selection__icontains=Grace",
        "failuregroup/?note__contains=Grace",
    ],
)
def test_no_question_in_the_address_bar_tells_what_a_field_holds(
    admin_client: Client, query: str
) -> None:
    assert admin_client.get(f"/admin/dlq_review/{query}").status_code == 400


@pytest.mark.parametrize("model", sorted(site._registry, key=str))
def test_no_filter_leads_to_a_field_of_another_row(model: type[Model]) -> None:
    its_admin = site._registry[model]
    for field in model._meta.get_fields():
        if isinstance(its_admin, ReadOnlyAdmin) and field.is_relation:
            for path in ("body", "reference__startswith", "letter__error_text"):
                assert not its_admin.lookup_allowed(f"{field.name}__{path}", "g")


def test_an_export_takes_no_such_question_either(desk: Client) -> None:
    answer = desk.post(f"{LIST}export/csv/?reference__startswith=g")
    assert answer.status_code == 400


@pytest.mark.parametrize("query", ["state=all", "queue=signups", "since=1h", "p=1"])
def test_the_filters_that_are_offered_work(desk: Client, query: str) -> None:
    assert desk.get(f"{LIST}?{query}").status_code == 200


@pytest.mark.parametrize(
    "spelling", ["+{}", "0{}x", " {}", "{}_", "{}.0", "-{}", "\u0661", "{}/../{}"]
)
@pytest.mark.parametrize("step", ["change", "history", "delete"])
def test_no_spelling_of_a_number_opens_the_stock_page(
    desk: Client, spelling: str, step: str
) -> None:
    letter = dead_letter(signup_requested(email=GRACE, name="Grace"))
    number = spelling.format(letter.pk, letter.pk)
    answer = desk.get(f"{LIST}{number}/{step}/")
    assert answer.status_code == 404
    assert b"Grace" not in answer.content


@pytest.mark.parametrize("query", [GRACE, GRACE.upper(), "grace", "Grace", "g…@x.org"])
def test_a_search_cannot_tell_who_is_there(client_of: ClientOf, query: str) -> None:
    letter = dead_letter(signup_requested(email=GRACE, name="Grace"))
    listed = html(without_reveal(client_of), f"{LIST}?q={query}")
    assert f"/deadletter/{letter.pk}/" not in listed
    assert "Nor were addresses" in listed


def test_a_reader_finds_an_address_and_anybody_an_order(
    desk: Client, client_of: ClientOf
) -> None:
    letter = dead_letter(signup_requested(email=GRACE))
    order = dead_letter(order_created(order_id="ORD-77"))
    assert f"/deadletter/{letter.pk}/" in html(desk, f"{LIST}?q={GRACE}")
    eve = without_reveal(client_of)
    assert f"/deadletter/{order.pk}/" in html(eve, f"{LIST}?q=ORD-77")


def freezing(client: Client, **form: Any) -> Any:
    """The answer to the form that freezes an operation."""
    plan = {"kind": "fix", "rate": 50, "canary": 0, "stop_at": 100, "reason": "r"}
    if "patch" in form:
        form["patch"] = json.dumps(form["patch"])
    return client.post(NEW, {**plan, **form})


def asked(client: Client, **form: Any) -> int:
    """The status of freezing an operation with *form*."""
    status: int = freezing(client, **form).status_code
    return status


TO = "/data/order_id"
VALUE = {"value": "Grace"}


@pytest.mark.parametrize(
    "step",
    [
        {"op": "test", "path": "/data/name", **VALUE},
        {"op": "copy", "from": "/data/name", "path": TO},
        {"op": "move", "from": "/data/name", "path": TO},
        {"op": "copy", "from": "/data", "path": TO},
        {"op": "copy", "from": "/data/context/a", "path": TO},
        {"op": "copy", "from": "/detail/name", "path": TO},
        {"op": "replace", "path": "/data/name", **VALUE},
        {"op": "remove", "path": "/data/name"},
        {"op": "add", "path": "/data/name", **VALUE},
        {"op": "test", "path": "/data", "value": {}},
        {"op": "move", "from": TO, "path": "/data/name"},
        {"op": "add", "path": "/type", "value": "order_created"},
        {"op": "replace", "path": "/type", "value": "order_created"},
        {"op": "remove", "path": "/type"},
        {"op": "move", "from": "/type", "path": TO},
        {"op": "copy", "from": "/data/currency", "path": "/type"},
        {"op": "add", "path": "/detail-type", "value": "order_created"},
        {"op": "copy", "from": "/data/status", "path": TO},  # no field of a sign-up
    ],
)
def test_a_change_that_could_read_needs_the_permission_and_is_on_record(
    desk: Client, client_of: ClientOf, step: dict[str, Any]
) -> None:
    dead_letter(signup_requested(email=GRACE, name="Grace"))
    assert asked(without_reveal(client_of), patch=[step]) == 403
    assert not Operation.objects.exists()
    assert asked(desk, patch=[step]) == 302
    entry = AuditEntry.objects.get(verb="revealed")
    assert entry.actor == "ada"
    assert "An operation" in entry.reason


WHY = "You do not have the permission to see personal data of dead letters."


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (
            {"patch": [{"op": "replace", "path": "/data/email", "value": GRACE}]},
            "/data/email is personal.",
        ),
        (
            {"patch": [{"op": "remove", "path": "/data/items/0/note"}]},
            "/data/items/0/note is personal.",
        ),
        (
            {"patch": [{"op": "replace", "path": "/type", "value": "order_created"}]},
            "/type decides which fields are masked.",
        ),
        (
            {"patch": [{"op": "copy", "from": "/data/currency", "path": TO}]},
            "copy from /data/currency can show what is masked.",
        ),
        (
            {"patch": [{"op": "copy", "from": f"/data/{GRACE}", "path": TO}]},
            "copy from /data/••• can show what is masked.",
        ),
        ({"field": "data.name=Grace", "kind": "redrive"}, "data.name is personal."),
        ({"ids": GRACE, "kind": "redrive"}, "g…@example.com is personal."),
    ],
)
def test_who_lacks_the_permission_reads_why_and_loses_nothing_of_what_they_typed(
    client_of: ClientOf, form: dict[str, Any], why: str
) -> None:
    dead_letter(signup_requested(email=GRACE, name="Grace"))
    answer = freezing(without_reveal(client_of), reason="as asked", **form)
    text = unescape(answer.content.decode())
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert why in text
    assert WHY in text
    assert 'value="as asked"' in text
    typed = {"patch": json.dumps(form["patch"])} if "patch" in form else form
    assert all(value in text for value in typed.values())
    assert not Operation.objects.exists()
    assert not AuditEntry.objects.filter(verb="revealed").exists()


@pytest.mark.parametrize("op", ["add", "replace", "remove", "move", "copy", "test"])
def test_nobody_changes_a_document_as_a_whole(desk: Client, op: str) -> None:
    step = {"op": op, "path": "", "from": "", "value": {"type": "order_created"}}
    answer = freezing(desk, patch=[step])
    assert answer.status_code == HTTPStatus.OK
    told = f'Each {op} needs a "path" such as "/data/email"'
    assert told in unescape(answer.content.decode())
    assert not Operation.objects.exists()


def test_a_change_of_what_is_public_needs_no_such_permission(
    client_of: ClientOf,
) -> None:
    dead_letter(order_created())
    steps = [
        {"op": "test", "path": "/data/currency", "value": "EUR"},
        {"op": "replace", "path": "/data/items/0/sku", "value": "X"},
        {"op": "test", "path": "/type", "value": "order_created"},
    ]
    assert asked(without_reveal(client_of), patch=steps) == 302
    assert not AuditEntry.objects.filter(verb="revealed").exists()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"field": "data.email=grace@example.com"}, 403),
        ({"field": "!data.name"}, 403),
        ({"field": "data[*]=Grace"}, 403),
        ({"field": "data.items[*].sku=TEA-1\ndata.name"}, 403),
        ({"ids": GRACE}, 403),
        ({"field": "data.items[*].sku=TEA-1"}, 302),
        ({"ids": "ORD-1"}, 302),
    ],
)
def test_a_choice_that_asks_what_is_personal_needs_the_permission(
    client_of: ClientOf, form: dict[str, str], status: int
) -> None:
    dead_letter(order_created(order_id="ORD-1", email=GRACE))
    assert asked(without_reveal(client_of), **form, kind="redrive") == status


def test_a_condition_shows_what_is_public_of_it() -> None:
    shown = {
        "data.items[*].sku=TEA-1": "data.items[*].sku=TEA-1",
        "data.name~Grace": "data.name~•••",
        "data.email = grace@example.com": "data.email=g…@example.com",
        '!data["Grace H"]': '!data["•••"]',
        'data["total-net"]=9.00': 'data["total-net"]=•••',
        "data.currency!=Grace Hopper": "data.currency!=•••",
    }
    assert {text: veiled_condition(text) for text in shown} == shown


def test_what_needs_the_permission_is_named_without_its_value() -> None:
    asked = Selection(
        fields=(
            *("data.email=grace@example.com", "data.order_id=ORD-1"),
            *("@attribute.who=Grace", "@release=r1"),
        ),
        ids=("ORD-1", GRACE, GRACE),
    )
    steps = [
        {"op": "replace", "path": "/data/email", "json": '"grace@example.com"'},
        {"op": "replace", "path": "/data/order_id", "json": '"ORD-2"'},
        {"op": "test", "path": "/type", "json": '"order_created"'},
        {"op": "replace", "path": "/type", "json": '"order_updated"'},
        {"op": "replace", "path": "/detail-type", "json": '"order_updated"'},
        {"op": "move", "from": "/data/order_id", "path": "/data/currency"},
        {"op": "add", "path": "/data/Grace Hopper", "json": "1"},
    ]
    contract, shows = "decides which fields are masked", "can show what is masked"
    assert needs_reveal(asked, steps) == [
        Hidden("field", "data.email"),
        Hidden("field", "@attribute.who"),
        Hidden("ids", "g…@example.com"),
        Hidden("patch", "/data/email"),
        Hidden("patch", "/type", contract),
        Hidden("patch", "/detail-type", contract),
        Hidden("patch", "move from /data/order_id", shows),
        Hidden("patch", "/data/•••"),
    ]
    assert Hidden("ids", "x").why == "is personal"


def test_each_export_of_personal_data_is_on_record_without_it(
    desk: Client, client_of: ClientOf
) -> None:
    dead_letter(signup_requested(email=GRACE))
    exported(without_reveal(client_of), "jsonl")
    assert not AuditEntry.objects.filter(verb="revealed").exists()
    exported(desk, "jsonl", f"q={GRACE}")
    entry = AuditEntry.objects.get(verb="revealed")
    assert entry.reason == "Export of 1 as jsonl: q…@example.com"


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_error_text_leaves_masked(client_of: ClientOf, format: str) -> None:
    told = failure(error_type="MailError", error_text=f"No mail for Grace ({GRACE}).")
    dead_letter(signup_requested(email=GRACE, name="Grace"), attributes=told)
    text = exported(without_reveal(client_of), format).lower()
    assert "grace" not in text
    assert "no mail for ••• (g…@example.com)." in text


def test_failures_are_grouped_alike_whoever_they_are_about() -> None:
    groups = {
        dead_letter(
            signup_requested(name=name),
            queue="signups-dlq",
            attributes=failure(error_text=f"No place for '{name}'."),
        ).group
        for name in ("Grace", "Ada", "place")
    }
    (group,) = groups
    assert group.template.startswith("No place for …")


def test_a_wrong_address_is_no_reference() -> None:
    letter = dead_letter(
        json.dumps({"type": "signup_requested", "data": {"email": "Grace"}})
    )
    assert letter.reference == ""
    assert str(letter) == letter.request_id


@pytest.mark.parametrize("may_see", [False, True])
def test_an_account_shows_who_it_is_of_to_those_who_may_see_it_on_record(
    client_of: ClientOf, may_see: bool
) -> None:
    account = User.objects.create(email=GRACE, username=GRACE, name="Grace")
    client = client_of("view", *(["view_personal"] if may_see else []))
    staff = User.objects.get(username="ada")
    staff.user_permissions.add(Permission.objects.get(codename="view_user"))
    base = "/admin/processing/user/"
    assert GRACE not in html(client, base)
    assert client.get(f"{base}?email__startswith=g").status_code == 400
    for guess in (GRACE, "nobody@example.com"):  # the same to those who may not see it
        found = f"/{account.pk}/change" in html(client, f"{base}?q={guess}")
        assert found is (not may_see or guess == GRACE)
    assert (GRACE in html(client, f"{base}{account.pk}/change/")) is may_see
    assert LogEntry.objects.count() == may_see


def event(type: str, **data: Any) -> str:
    return json.dumps({"type": type, "data": data})


#: Bodies in which a value is hidden where another contract declares it public.
HIDDEN_HERE = [
    (event("elsewhere", order_id="SECRET"), "order_id"),
    (event("signup_requested", email=GRACE, name="Ada", status="SECRET"), "status"),
    (event("email_requested", recipient=GRACE, currency="SECRET"), "currency"),
    (event("order_updated", customer_id="SECRET Hopper"), "customer_id"),
    (event("order_created", items={"x": {"sku": "SECRET"}}), "items/x/sku"),
    (event("order_updated", status={"SECRET": 1}), "status/SECRET"),
]
#: The value that is hidden, or contains it, and another alike.
GUESSES = [("Grace", "Zoe"), ("Grace Hopper", "Zoe Hopper")]


@pytest.mark.parametrize("compare", ["=", "!=", "~", ">="])
@pytest.mark.parametrize(("body", "place"), HIDDEN_HERE)
def test_a_condition_cannot_guess_what_is_hidden_in_this_body(
    client_of: ClientOf, body: str, place: str, compare: str
) -> None:
    dead_letter(body.replace("SECRET", "Grace"))
    client = without_reveal(client_of)
    path = f"data.{place.replace('/', '.')}"
    for guesses in GUESSES:
        forms = [f"{path}{compare}{guess}" for guess in guesses]
        right, wrong = (asked(client, field=one, kind="discard") for one in forms)
        assert right == wrong


@pytest.mark.parametrize("op", ["test", "replace", "add"])
@pytest.mark.parametrize(("body", "place"), HIDDEN_HERE)
def test_a_change_cannot_guess_what_is_hidden_in_this_body(
    body: str, place: str, op: str
) -> None:
    letter = dead_letter(body.replace("SECRET", "Grace"))
    letter.reference = ""  # an order id, which is shown

    def outcome(value: str) -> str:
        step = {"op": op, "path": f"/data/{place}", "json": json.dumps(value)}
        plan = Plan(kind="fix", patch=[step])
        found = preview(freeze(Selection(masked=True), plan, by="eve"))
        assert found.unchanged == 0
        found.samples = [(letter, *one[1:]) for one in found.samples]
        return repr(found).replace(value, "what was typed")

    for right, wrong in GUESSES:
        assert outcome(right) == outcome(wrong)


def test_an_export_holds_the_current_body_of_an_edited_letter(desk: Client) -> None:
    event = order_created()
    letter = dead_letter(event)
    for number, sku in enumerate(("CUP-2", "POT-3")):
        body = event.body.replace("TEA-1", sku)
        revisions.edit(letter, body, based_on=number, by="ada", reason="x")
    (line,) = exported(desk, "jsonl").splitlines()
    assert json.loads(line)["body"] == body


def story(letter: DeadLetter) -> str:
    return f"/admin/request/{letter.request_id}/"


def edit(letter: DeadLetter) -> str:
    return page(letter, "edit")


Page = Callable[[DeadLetter], str]


@pytest.mark.parametrize("place", [page, story])
def test_what_only_a_late_copy_says_of_a_person_is_masked_in_every_text(
    client_of: ClientOf, place: Page
) -> None:
    event = signup_requested(name="Grace Zquill")
    letter = dead_letter(event, queue="signups-dlq")
    settlement.discard(letter, by="ada", reason="Zquillina called.")
    late = signup_requested(name="Zquillina Doe").model_copy(update={"id": event.id})
    copy = dead_letter(late, queue="signups-dlq")
    assert copy == letter
    assert letter.revisions.count() == 1
    failed_attempt(late, error_text="No room for Zquillina.", queue="signups")
    text = html(client_of("view"), place(letter))
    assert "Zquillina" not in text
    assert "••• called." in text


@pytest.mark.parametrize("place", [page, edit])
def test_the_sentence_beside_a_field_is_masked_as_all_texts_are(
    client_of: ClientOf, place: Page
) -> None:
    told = failure(error_field="data.name", error_text="There is Zquillina Doe.")
    first = signup_requested(name="Zquillina Doe")
    second = signup_requested(name="Grace").model_copy(update={"id": first.id})
    for event in (first, second):
        letter = dead_letter(event, queue="signups-dlq", attributes=told)
    text = html(client_of("view", "change"), place(letter))
    assert "Zquillina" not in text
    assert text.count("There is ••• •••.") > 1  # the last failure, and beside it


@pytest.mark.parametrize("place", [page, edit, story])
def test_texts_about_a_body_that_no_page_reads_any_more_show_no_name(
    client_of: ClientOf, place: Page
) -> None:
    letter = dead_letter(signup_requested(name="Zquillina Doe"), queue="signups-dlq")
    body = signup_requested(name="Grace").body
    for number in range(1, 22):
        by = {"by": "ada", "reason": "Zquillina called."}
        letter.revisions.create(number=number, body=body, **by)
    letter.arrivals.all().delete()
    DeadLetter.objects.filter(pk=letter.pk).update(
        revision=21, error_text="There is Zquillina Doe."
    )
    assert "Zquillina" not in html(client_of("view", "change"), place(letter))
