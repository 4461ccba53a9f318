"""Dead letters are chosen by what their bodies say."""

import json
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client

from dlq_review.bodies.field_conditions import Condition, FieldError, holds
from dlq_review.desk import freezing
from dlq_review.letters import revisions
from dlq_review.management import dry_run
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import plans, progress
from dlq_review.operations.plans import Plan
from dlq_review.redrive.fates import Fate
from dlq_review.search import selections
from dlq_review.search.selections import Selection, TooManyToReadError
from processing.models import User
from tests.builders import dead_letter, failure, order_created, order_data
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, html, plan
from tests.dlq_review.operation_runs import run
from tests.dlq_review.patches import EUROS

pytestmark = pytest.mark.django_db

DOCUMENT = {
    "id": "007",
    "at": "2026-11-20T10:00:00Z",
    "none": None,
    "yes": True,
    "data": {
        "email": "Ada@Example.com",
        "total": 12.5,
        "price": "9.50",
        "count": 10,
        "items": [{"sku": "TEA-1", "tags": ["a"]}, {"sku": "CUP-7"}],
        "odd name": {"x": 1},
    },
}


@pytest.mark.parametrize(
    "text",
    [
        "data.email=Ada@Example.com",
        "$.data.email = Ada@Example.com",
        'data.email="Ada@Example.com"',
        "data.email==Ada@Example.com",
        "data.email~@example",
        "data.email!=bob@example.com",
        "data.items[*].sku=CUP-7",
        "data.items[1].sku=CUP-7",
        "data.items[*].sku!=MUG-1",
        "data.items[*].tags[*]=a",
        "data.items",
        *("!data.note", "! data.note", " ! $.data.note "),
        "data.note!=x",
        'data["odd name"].x=1',
        "data[*].x=1",
        "data.total=12.50",
        "data.total>9",
        "data.price>9",
        *("data.count>=10", "data.count<=10", "data.count <= 10.0"),
        "data.count<9.5e1",
        "data.price<10",
        "at>2026-11-20",
        "at<2026-11-20T11",
        "id=007",
        "none=null",
        "yes=true",
        "none",
    ],
)
def test_a_condition_holds(text: str) -> None:
    assert Condition.read(text).holds(DOCUMENT)


@pytest.mark.parametrize(
    "text",
    [
        "data.email=ada@example.com",
        "data.email~bob",
        "data.items[*].sku!=TEA-1",
        "data.items[0].sku=CUP-7",
        "data.items[2].sku",
        "data.items.sku",
        "data.note",
        "!data.items",
        "data.note=",
        "data.note>1",
        *("data.total>12.5", "data.total<12.5", "data.count<=9"),
        "data.count<9",
        "data=12",
        "data~Ada",
        "id=7",
        "none>0",
        "yes>0",
        "data.email.name",
        "data.count>NaN",
        "data.count>x",
        "data.items>0",
        "data<z",
        "none<z",
        "yes<z",
        "data.email<5",
    ],
)
def test_a_condition_does_not_hold(text: str) -> None:
    assert not Condition.read(text).holds(DOCUMENT)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "=x", "!", "$", "data..x=1", "data.x=>1 2 [", "data.items[x]=1", "[*", "9x=1",
     "data.x ! 1", "!data.x=1", "data.x>", "data.x~", "data.x extra", "a" * 501, "data.[=1"],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_a_sentence(text: str) -> None:
    if text == "data.x=>1 2 [":
        assert Condition.read(text).value == ">1 2 ["
        return
    with pytest.raises(FieldError) as caught:
        Condition.read(text)
    assert str(caught.value).endswith(".")


NO_PATH = "{!r} does not begin with a path, such as data.items[*].sku."
UNREAD = (
    "{!r} in {!r} is not understood. "
    "After a path may stand =, !=, <, <=, >, >= or ~ and a value."
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a" * 500, ""),
        ("a" * 501, "A condition has at most 500 characters."),
        ("!", NO_PATH.format("")),
        ("9x=1", NO_PATH.format("9x=1")),
        ("data.x extra", UNREAD.format(" extra", "data.x extra")),
        ("!data.x=1", UNREAD.format("=1", "!data.x=1")),
        ("data.x~ ", "A value is missing after ~ in 'data.x~ '."),
    ],
)
def test_a_condition_is_refused_with_what_to_correct(text: str, sentence: str) -> None:
    if not sentence:
        assert Condition.read(text).steps == (text,)
        return
    with pytest.raises(FieldError) as caught:
        Condition.read(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "body", ["no json", "[" * 99, '{"a": 1, "a": 1}', "1", "[]", ""]
)
def test_strange_bodies_hold_nothing_and_break_nothing(body: str) -> None:
    assert not holds([Condition.read("a=1")], body)
    assert not holds([Condition.read("a[*].b[0]")], body)


def of(**changes: Any) -> DeadLetter:
    return dead_letter(order_created(**changes))


def test_all_conditions_hold_for_what_is_chosen() -> None:
    tea, _ = of(customer_id="C-1"), of(customer_id="C-2")
    dead_letter("no json")
    chosen = Selection(fields=("data.customer_id=C-1", "data.items[*].sku=TEA-1"))
    assert [one for page in chosen.pages() for one in page] == [tea]


def test_the_current_revision_is_what_counts() -> None:
    event = order_created(customer_id="C-1")
    letter = dead_letter(event)
    body = event.body.replace("C-1", "C-9")
    revisions.edit(letter, body, based_on=0, by="ada", reason="x")
    for customer, found in (("C-1", 0), ("C-9", 1)):
        chosen = Selection(fields=(f"data.customer_id={customer}",))
        assert dry_run.look(chosen, Plan()).kinds.total() == found


def test_it_walks_in_steps_and_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selections, "STEP", 2)
    for number in range(5):
        of(customer_id=f"C-{number % 2}")
    told: list[int] = []
    chosen = Selection(fields=("data.customer_id=C-0",))
    pages = list(chosen.pages(told.append))
    assert ([len(page) for page in pages], told) == ([1, 1, 1], [2, 2, 1])


def test_an_operation_is_frozen_over_what_the_bodies_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selections, "STEP", 2)
    letters = [of(customer_id=f"C-{number % 2}") for number in range(7)]
    chosen = Selection(queue="orders", fields=("data.customer_id=C-0",))
    operation = plans.freeze(chosen, Plan(limit=3), by="ada")
    assert operation.total == 3
    assert list(operation.items.values_list("letter_id", flat=True)) == [
        letters[number].pk for number in (0, 2, 4)
    ]
    operation.refresh_from_db()
    assert Selection.from_json(operation.selection).fields == ["data.customer_id=C-0"]
    of(customer_id="C-0")
    of(customer_id="C-1")
    DeadLetter.objects.update(last_failed_at=operation.cutoff)
    DeadLetter.objects.filter(pk__gt=letters[-1].pk).update(
        last_failed_at=operation.created_at.replace(year=2099)
    )
    assert progress.newer(operation) == 1


def test_nothing_chosen_by_its_body_makes_no_operation() -> None:
    of()
    with pytest.raises(plans.NothingChosenError):
        plans.freeze(Selection(fields=("data.x=1",)), Plan(), by="ada")
    assert not Operation.objects.exists()


def test_staff_edit_what_the_bodies_say(desk: Client) -> None:
    dead_letter(order_created(email="grace@example.com").body.replace("EUR", "XXX"))
    dead_letter(order_created().body.replace("EUR", "XXX"))
    field = "data.email=grace@example.com\n\ndata.items[*].sku=TEA-1"
    form = plan(kind="fix", patch=json.dumps(EUROS), field=field)
    answer = desk.post(f"{OPERATIONS}new/", form)
    text = html(desk, answer["Location"])
    assert "<b>1</b> would change and be valid" in text
    assert "data.email=g…@example.com" in text
    assert "grace@example.com" not in text


def test_a_wrong_condition_is_told_in_the_form(desk: Client) -> None:
    of()
    answer = desk.post(f"{OPERATIONS}new/", plan(field="data.x ! <script>"))
    text = answer.content.decode()
    assert "is not understood" in text
    assert "<script>" not in text.replace("<script src", "")
    assert not Operation.objects.exists()


def test_asking_about_bodies_needs_the_permission_to_see_them(
    client_of: ClientOf,
) -> None:
    of()
    bulk = client_of("view", "bulk_redrive")
    form = plan(field="data.email~ada")
    assert bulk.post(f"{OPERATIONS}new/", form).status_code == 403


def test_a_page_does_not_read_bodies_for_minutes(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freezing, "MOST_READ", 1)
    of(), of()
    with pytest.raises(TooManyToReadError):
        Selection(fields=("data",)).check_readable(1)
    answer = desk.post(f"{OPERATIONS}new/", plan(field="data.email~ada"))
    assert "More than 1 bodies" in answer.content.decode()
    assert not Operation.objects.exists()


def test_the_command_chooses_by_fields(
    sqs: None, django_user_model: type[User]
) -> None:
    django_user_model.objects.create(username="ada", is_superuser=True)
    mine, other = of(customer_id="C-1"), of(customer_id="C-2")
    which = ["--field", "data.customer_id=C-1", "--field", "data.items[*].sku~tea"]
    text = run(*which)
    assert "1  would be sent; nothing was sent" in text
    assert "2/2" in text
    run(*which, "--apply", "--by", "ada")
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.state, other.state) == ("redriven", "open")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--field", "data.x ! 1"), 1),
        (("--field", "data.customer_id=C-9"), 2),
        (("--field", "data.email~ada", "--apply", "--by", "bulk"), 1),
    ],
)
def test_the_command_refuses_with_its_exit_code(
    client_of: ClientOf, arguments: tuple[str, ...], code: int
) -> None:
    client_of("view", "bulk_redrive", name="bulk")
    of(**order_data())
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == code


def test_what_fails_while_bodies_are_read_is_not_on_the_list() -> None:
    event = order_created()
    dead_letter(event)
    dead_letter()
    late: list[DeadLetter] = []

    def another_fails(read: int) -> None:
        late.append(dead_letter(attributes=failure()))

    selection = Selection(fields=("data.items[*].sku=TEA-1",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selections, "STEP", 1)
        operation = plans.freeze(selection, Plan(), by="ada", on_read=another_fails)
    assert len(late) == 2
    assert not operation.items.filter(letter__in=late).exists()
    assert operation.total == 2


@pytest.mark.parametrize("step", [2, 3, 500])
def test_a_limit_takes_the_oldest_of_those_whose_bodies_say_so(step: int) -> None:
    wanted = ("TEA-1", "CUP-7", "CUP-7", "TEA-1", "CUP-7")
    cups = [
        letter
        for sku in wanted
        for letter in [dead_letter(order_created(items=[item(sku)]))]
        if sku == "CUP-7"
    ]
    selection = Selection(fields=("data.items[*].sku=CUP-7",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selections, "STEP", step)
        operation = plans.freeze(selection, Plan(limit=2), by="ada")
    chosen = operation.items.order_by("pk").values_list("letter", flat=True)
    assert list(chosen) == [cups[0].pk, cups[1].pk]
    assert operation.total == 2


def item(sku: str) -> dict[str, Any]:
    return {"sku": sku, "quantity": 1, "unit_price": "1.00"}


@pytest.mark.parametrize(("limit", "sent"), [(None, 5), (0, 0), (1, 1), (3, 3), (9, 5)])
def test_a_dry_run_foretells_no_more_than_the_limit_takes(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, sent: int
) -> None:
    monkeypatch.setattr(selections, "STEP", 2)
    for _ in range(5):
        of(customer_id="C-0")
    chosen = Selection(fields=("data.customer_id=C-0",))
    found = dry_run.look(chosen, Plan(limit=limit))
    assert (found.kinds.total(), found.fates[Fate.SENT]) == (5, sent)
