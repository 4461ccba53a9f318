"""One change for many letters."""

import json

import pytest
from django.test import Client

from dlq_review import editing, freezing, operating, patching, steering, tallying
from dlq_review.freezing import Plan
from dlq_review.models import Operation
from dlq_review.previewing import preview
from dlq_review.selecting import Selection
from tests.builders import dead_letter, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.test_triage_pages import OPERATIONS, plan
from tests.dlq_review.test_views import html

pytestmark = pytest.mark.django_db

EUROS: list[dict[str, object]] = [
    {"op": "replace", "path": "/data/currency", "value": "EUR"}
]


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ([{"op": "replace", "path": "/a", "value": 2}], {"a": 2, "b": [1, 2]}),
        (
            [{"op": "add", "path": "/c", "value": None}],
            {"a": 1, "b": [1, 2], "c": None},
        ),
        ([{"op": "add", "path": "/b/-", "value": 3}], {"a": 1, "b": [1, 2, 3]}),
        ([{"op": "add", "path": "/b/0", "value": 0}], {"a": 1, "b": [0, 1, 2]}),
        ([{"op": "remove", "path": "/b/1"}], {"a": 1, "b": [1]}),
        ([{"op": "move", "from": "/a", "path": "/x~1y"}], {"b": [1, 2], "x/y": 1}),
        (
            [{"op": "copy", "from": "/b", "path": "/c"}],
            {"a": 1, "b": [1, 2], "c": [1, 2]},
        ),
        ([{"op": "test", "path": "/a", "value": 1}], {"a": 1, "b": [1, 2]}),
    ],
)
def test_a_patch_changes_what_it_says(
    patch: list[dict[str, object]], after: object
) -> None:
    body = '{"a": 1, "b": [1, 2]}'
    assert patching.read(json.dumps(patch)) == patch
    assert json.loads(patching.apply(patch, body)) == after


def test_a_patch_that_changes_nothing_leaves_the_text_alone() -> None:
    body = '{"a":   1}'
    assert patching.apply([{"op": "replace", "path": "/a", "value": 1}], body) == body


@pytest.mark.parametrize(
    "step",
    [
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "remove", "path": "/b/7"},
        {"op": "add", "path": "/b/9", "value": 1},
        {"op": "remove", "path": "/a/x"},
        {"op": "remove", "path": "/b/-1"},
        {"op": "test", "path": "/a", "value": 2},
    ],
)
def test_a_patch_that_does_not_fit_says_so(step: dict[str, object]) -> None:
    with pytest.raises(patching.PatchError):
        patching.apply([step], '{"a": 1, "b": [1, 2]}')


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[1]", '[{"op": "launch", "path": "/a"}]', '[{"op": "add"}]',
     '[{"op": "add", "path": "a", "value": 1}]', '[{"op": "add", "path": "/a"}]',
     '[{"op": "move", "path": "/a"}]'],
)  # fmt: skip
def test_what_is_no_patch_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(patching.PatchError) as caught:
        patching.read(text)
    assert str(caught.value).endswith(".")


def fixing(patch: list[dict[str, object]]) -> Operation:
    return freezing.freeze(Selection(), Plan("fix", patch, rate=500), by="ada")


def test_many_letters_get_a_revision_each_and_stay_open() -> None:
    letters = [dead_letter(order_created().body.replace("EUR", "XXX")) for _ in "abc"]
    operation = fixing(EUROS)
    steering.start(operation, by="ada")
    operating.run(operation, seconds=2)
    assert tallying.tally(operation).fixed == 3
    for letter in letters:
        letter.refresh_from_db()
        assert (letter.state, letter.revision) == ("open", 1)
        assert letter.revisions.get(number=1).by == "ada"


def test_what_stays_invalid_cannot_be_changed_or_was_edited_is_skipped() -> None:
    event = order_created()
    edited = dead_letter(event)
    dead_letter("no event")
    dead_letter(order_created().body.replace("TEA-1", "?"))
    operation = fixing([{"op": "replace", "path": "/data/currency", "value": "USD"}])
    body = event.body.replace("TEA-1", "TEA-2")
    editing.edit(edited, body, based_on=0, by="bob", reason="x")
    steering.start(operation, by="ada")
    operating.run(operation, seconds=2)
    assert tallying.tally(operation).skipped == 3


def test_a_fix_is_previewed_before_it_is_started() -> None:
    dead_letter(order_created().body.replace("EUR", "XXX"))
    dead_letter(order_created())
    dead_letter(order_created().body.replace("EUR", "XXX").replace("TEA-1", "?"))
    dead_letter("no event")
    found = preview(fixing(EUROS))
    assert (found.changed, found.unchanged, found.invalid, found.impossible) == (
        1,
        1,
        1,
        1,
    )
    added = [line.text.strip() for line in found.samples[0][1] if line.kind == "add"]
    assert added == ['+    "currency": "EUR",']


def test_staff_fix_many_in_the_admin(desk: Client) -> None:
    letter = dead_letter(order_created().body.replace("EUR", "XXX"))
    form = plan(kind="fix", patch=json.dumps(EUROS))
    answer = desk.post(f"{OPERATIONS}new/", form)
    assert "<b>1</b> would change and be valid" in html(desk, answer["Location"])
    letter.refresh_from_db()
    assert letter.revision == 0


def test_a_fix_without_a_change_is_refused(desk: Client) -> None:
    dead_letter()
    answer = desk.post(f"{OPERATIONS}new/", plan(kind="fix"))
    assert "at least one operation" in answer.content.decode()


def test_fixing_many_needs_the_permission_to_edit(client_of: ClientOf) -> None:
    dead_letter()
    form = plan(kind="fix", patch=json.dumps(EUROS))
    answer = client_of("view", "bulk_redrive").post(f"{OPERATIONS}new/", form)
    assert answer.status_code == 403
