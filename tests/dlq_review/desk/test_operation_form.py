"""Each field of the form narrows the list of an operation, and reaches its plan."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.forms import CharField, Form, IntegerField
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import Settings

from dlq_review.desk.forms import EditForm, OperationForm
from dlq_review.desk.policy_form import PolicyForm
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, Operation
from tests.builders import dead_letter, failure, order_created, order_updated
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, html, plan
from tests.dlq_review.operation_runs import started

pytestmark = pytest.mark.django_db


#: The most characters of a text, or the least and the most of a number, by field.
_TEXTS = {"error": 200, "field": 2_000, "reason": 500}
_SENT = {"canary": (0, 10**9), "stop_at": (1, 100), "rate": (1, 500)}
_ROW = (1, 2**63 - 1)
LIMITS: dict[type[Form], dict[str, int | tuple[int, int]]] = {
    EditForm: {"body": 64 * 1024, "reason": 500, "based_on": (0, 2**31 - 2)},
    OperationForm: {
        **{**_TEXTS, **_SENT, "ids": 100_000, "q": 1_000, "patch": 20_000},
        **{"group": _ROW, "discarded_by": _ROW, "after": _ROW, "limit": (1, 10**9)},
    },
    PolicyForm: {
        **{**_TEXTS, **_SENT, "url": 500, "group": _ROW, "every": (1, 7 * 24 * 60)},
        **{"times": (1, 100), "most": (1, 10**9), "events": (1, 1_000)},
    },
}


@pytest.mark.parametrize("form", LIMITS)
def test_each_field_takes_what_its_limit_allows_and_no_more(form: type[Form]) -> None:
    limits = LIMITS[form]
    bounded = (CharField, IntegerField)
    fields = form().fields
    assert {name for name, one in fields.items() if type(one) in bounded} == {*limits}
    for name, limit in limits.items():
        if isinstance(limit, int):
            taken, refused = ["x" * limit], ["x" * (limit + 1)]
        else:
            taken, refused = [*map(str, limit)], [str(limit[0] - 1), str(limit[1] + 1)]
        for value in taken:
            fields[name].clean(value)
        for value in refused:
            with pytest.raises(ValidationError):
                fields[name].clean(value)


def chosen(desk: Client, **form: Any) -> list[int]:
    """The letters on the list that a POST of *form* freezes."""
    answer = desk.post(f"{OPERATIONS}new/", plan(**form))
    assert answer.status_code == 302, answer.content.decode()
    operation = Operation.objects.order_by("-pk")[0]
    items = operation.items.order_by("letter_id")
    return list(items.values_list("letter_id", flat=True))


@pytest.mark.parametrize(
    "field", ["ids", "group", "queue", "type", "error", "since", "field"]
)
def test_a_field_chooses_the_letters_that_it_names(desk: Client, field: str) -> None:
    now = timezone.now()
    event = order_created()
    told = failure(error_type="ErrorA", failed_at=now.isoformat())
    wanted = dead_letter(event, attributes=told)
    long_ago = (now - timedelta(hours=5)).isoformat()
    other = dead_letter(
        order_updated(),
        attributes=failure(error_type="ErrorB", failed_at=long_ago),
    )
    DeadLetter.objects.filter(pk=other.pk).update(queue="signups")
    values = {
        "ids": f"{wanted.request_id} no-such-one",
        "group": str(wanted.group_id),
        "queue": "orders",
        "type": "order_created",
        "error": "ErrorA",
        "since": "3h",
        "field": f"data.order_id={event.data.reference}\n\n data.customer_id=C-17 ",
    }
    assert chosen(desk, **{field: values[field]}) == [wanted.pk]
    assert chosen(desk) == [wanted.pk, other.pk]


def test_all_conditions_have_to_hold(desk: Client) -> None:
    event, other = order_created(), order_created(customer_id="C-18")
    letter = dead_letter(event)
    dead_letter(other)
    lines = ["data.currency=EUR", f"data.customer_id={event.data.group}"]
    assert chosen(desk, field="\n".join(lines)) == [letter.pk]


def test_what_one_operation_discarded_is_chosen_for_restoring(desk: Client) -> None:
    operation = started(2)
    mine, other = DeadLetter.objects.order_by("pk")
    for letter in (mine, other):
        settlement.discard(letter, by="ada", reason="x")
    operation.items.filter(letter=mine).update(state="discarded")
    Operation.objects.update(kind="discard", state="done", ended_at=timezone.now())
    form = {"kind": "restore", "discarded_by": str(operation.pk)}
    assert chosen(desk, **form) == [mine.pk]
    assert chosen(desk, kind="restore") == [mine.pk, other.pk]


def test_the_plan_is_what_the_form_says(desk: Client, settings: Settings) -> None:
    settings.REDRIVE_TARGETS = ["orders:signups"]
    letters = [dead_letter().pk for _ in range(3)]
    form = {"rate": 7, "canary": 3, "stop_at": 45, "limit": 2, "to": "signups"}
    assert chosen(desk, **form, override_limit="on") == letters[:2]
    made = Operation.objects.get()
    assert (made.rate, made.canary, made.stop_at, made.to) == (7, 3, 45, "signups")
    assert (made.override_limit, made.by, made.reason) == (True, "ada", "fixed in r2")
    assert made.state == "draft"
    assert chosen(desk) == letters
    other = Operation.objects.order_by("-pk")[0]
    assert (other.to, other.override_limit, other.patch) == ("", False, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ids", "1 2"),
        ("queue", "orders"),
        ("type", "order_created"),
        ("error", "ErrorA"),
        ("since", "3h"),
        ("kind", "discard"),
    ],
)
def test_what_a_link_names_stands_in_the_form(
    desk: Client, field: str, value: str
) -> None:
    answer = desk.get(f"{OPERATIONS}new/", {field: value})
    assert str(answer.context["form"][field].value()) == value


@pytest.mark.parametrize("name", ["group", "discarded_by"])
def test_what_a_link_names_by_number_is_said_in_words(desk: Client, name: str) -> None:
    operation = started(1)
    row = DeadLetter.objects.get().group if name == "group" else operation
    answer = desk.get(f"{OPERATIONS}new/", {name: row.pk})
    assert answer.context[name] == row
    shown = strip_tags(answer.content.decode())
    assert str(row) in " ".join(shown.split())


@pytest.mark.parametrize(
    ("kind", "state", "offered"),
    [
        ("fix", "done", "undo"),
        ("fix", "cancelled", "undo"),
        ("fix", "running", ""),
        ("discard", "done", "restore"),
        ("discard", "cancelled", "restore"),
        ("discard", "running", ""),
        ("redrive", "done", ""),
    ],
)
def test_an_operation_that_has_ended_offers_to_take_it_back(
    desk: Client, client_of: ClientOf, kind: str, state: str, offered: str
) -> None:
    operation = started(1)
    done = {"fix": "fixed", "discard": "discarded", "redrive": "processed"}
    operation.items.update(state=done[kind])
    Operation.objects.update(kind=kind, state=state)
    text = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    undo = f'action="{OPERATIONS}{operation.pk}/undo/"'
    restore = f"kind=restore&amp;discarded_by={operation.pk}"
    assert (undo in text, restore in text) == (
        offered == "undo",
        offered == "restore",
    )
    text = html(client_of("view", name="eve"), f"{OPERATIONS}{operation.pk}/change/")
    assert undo not in text
    assert restore not in text
    operation.items.update(state="skipped")  # there is nothing to take back
    text = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    assert undo not in text
    assert restore not in text
