"""One change for many letters."""

import json
from typing import Any

import pytest
from django.test import Client

from dlq_review.bodies import exact_json, json_patch
from dlq_review.letters import revisions, settlement
from dlq_review.models import Operation
from dlq_review.operations import control, edit_preview, plans, progress, runner
from dlq_review.operations.edit_preview import MOST_READ, preview
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, html, plan
from tests.dlq_review.patches import EUROS

pytestmark = pytest.mark.django_db


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
    assert json.loads(json_patch.apply(patch, body)) == after
    assert (
        json.loads(json_patch.apply(json_patch.read(json.dumps(patch)), body)) == after
    )


def test_a_patch_that_changes_nothing_leaves_the_text_alone() -> None:
    body = '{"a":   1}'
    assert json_patch.apply([{"op": "replace", "path": "/a", "value": 1}], body) == body


@pytest.mark.parametrize(
    "step",
    [
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "remove", "path": "/b/7"},
        {"op": "add", "path": "/b/9", "value": 1},
        {"op": "remove", "path": "/a/x"},
        {"op": "remove", "path": "/b/-1"},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/a", "value": True},
        {"op": "replace", "path": "/b/01", "value": 1},
        {"op": "replace", "path": "/b/+1", "value": 1},
        {"op": "replace", "path": "/b/\u0661", "value": 1},
        {"op": "replace", "path": "/b/1e0", "value": 1},
        {"op": "replace", "path": "/b/", "value": 1},
        {"op": "replace", "path": "/b/-", "value": 1},
        {"op": "remove", "path": "/b/-"},
        {"op": "test", "path": "/b/-", "value": 2},
        {"op": "copy", "from": "/b/-", "path": "/c"},
        {"op": "move", "from": "/b/-", "path": "/c"},
        {"op": "add", "path": "/b/-/c", "value": 2},
        {"op": "add", "path": "/b/" + "9" * 5_000, "value": 2},
        {"op": "move", "from": "/b", "path": "/b/0"},
    ],
)
def test_a_patch_that_does_not_fit_says_so(step: dict[str, object]) -> None:
    with pytest.raises(json_patch.PatchError):
        json_patch.apply([step], '{"a": 1, "b": [1, 2]}')


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[1]", '[{"op": "launch", "path": "/a"}]', '[{"op": "add"}]',
     '[{"op": "add", "path": "a", "value": 1}]', '[{"op": "add", "path": "/a"}]',
     '[{"op": "move", "path": "/a"}]', '[{"op": "remove", "path": "/a~"}]',
     '[{"op": "remove", "path": "/a~2"}]', '[{"op": "remove", "path": "/\\u0000"}]',
     '[{"op": "remove", "path": "/\\ud83d"}]', '[{"op": ["remove"], "path": "/a"}]',
     '[{"op": "add", "path": "/a", "path": "/b", "value": 1}]',
     '[{"op": "remove", "path": "' + "/a" * 33 + '"}]'],
)  # fmt: skip
def test_what_is_no_patch_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(json_patch.PatchError) as caught:
        json_patch.read(text)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("2.0", "2"),
        ("2", "2.0"),
        ("true", "1"),
        ("1", "true"),
        ("0", "false"),
        ("false", "0"),
        ("1.10", "1.1"),
        ("1e400", "1e401"),
        ("-0", "0"),
        ("null", "0"),
        ('"1"', "1"),
        ("[2.0]", "[2]"),
        ('{"x": 0}', '{"x": false}'),
        ("9" * 4_000 + ".0", "9" * 4_000 + ".00"),
    ],
)
def test_a_value_that_is_written_otherwise_is_a_change(before: str, value: str) -> None:
    patch = json_patch.read(f'[{{"op": "replace", "path": "/a", "value": {value}}}]')
    body = f'{{"a": {before}}}'
    after = json_patch.apply(patch, body)
    assert exact_json.dumps(exact_json.loads(after)) == f'{{"a": {value}}}'
    assert json_patch.apply(patch, after) == after


def test_what_a_patch_does_not_name_keeps_its_text() -> None:
    kept = (
        '"z": 1.10, "y": [1e400, -0.0, 0.1000000000000000055511151231257827], '
        '"\\u0061": "\\u00e9\\ud83d\\/\u00fc", "b": 1E+2, "c": true'
    )
    patch = json_patch.read('[{"op": "replace", "path": "/x", "value": 3.00}]')
    after = json_patch.apply(patch, f'{{{kept}, "x": 1}}')
    assert exact_json.dumps(exact_json.loads(after)) == f'{{{kept}, "x": 3.00}}'


def test_what_is_moved_and_copied_keeps_its_text() -> None:
    steps = [
        {"op": "move", "from": "/a", "path": "/c"},
        {"op": "copy", "from": "/b", "path": "/d"},
    ]
    after = json_patch.apply(
        json_patch.read(json.dumps(steps)), '{"a": 1.10, "b": ["\\u0061", 1e400]}'
    )
    assert exact_json.dumps(exact_json.loads(after)) == (
        '{"b": ["\\u0061", 1e400], "c": 1.10, "d": ["\\u0061", 1e400]}'
    )


@pytest.mark.parametrize(
    ("value", "expected"), [("1", "1.0"), ("1e2", "100"), ('"\\u00e9"', '"\u00e9"')]
)
def test_the_step_test_compares_by_value(value: str, expected: str) -> None:
    patch = json_patch.read(f'[{{"op": "test", "path": "/a", "value": {expected}}}]')
    body = f'{{"a": {value}}}'
    assert json_patch.apply(patch, body) == body


@pytest.mark.parametrize(
    "value", ["1.10", "1e400", '"\\u0000"', '"\\ud83d"', "9" * 5_000 + ".0"]
)
def test_the_values_of_an_operation_are_stored_as_they_were_written(value: str) -> None:
    dead_letter()
    patch = json_patch.read(f'[{{"op": "add", "path": "/a", "value": {value}}}]')
    stored = Operation.objects.get(pk=editing(patch).pk)
    after = json_patch.apply(stored.patch, "{}")
    assert exact_json.dumps(exact_json.loads(after)) == f'{{"a": {value}}}'


@pytest.mark.parametrize(
    "step",
    [
        {"op": "copy", "from": "/a", "path": "/a/x"},
        {"op": "copy", "from": "/a", "path": "/a/" + "y" * 40},
        {"op": "copy", "from": "/l", "path": "/l/-"},
    ],
)
def test_a_patch_that_doubles_a_body_over_and_over_is_refused(
    step: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_patch, "MAX_MESSAGE_BYTES", 10_000)
    patch = json_patch.read(json.dumps([step] * 300))
    with pytest.raises(json_patch.PatchError):
        json_patch.apply(patch, '{"a": {"b": 1}, "l": [1]}')


def test_a_patch_that_nests_ever_deeper_is_refused() -> None:
    deep = json.loads('{"a":' * 16 + "1" + "}" * 16)
    steps = [{"op": "add", "path": "/a" * n, "value": deep} for n in range(1, 33)]
    with pytest.raises(json_patch.PatchError, match="32 levels"):
        json_patch.apply(json_patch.read(json.dumps(steps)), "{}")


def test_a_large_body_is_patched_without_growing_by_its_indentation() -> None:
    body = '{"a": ' + "[" * 30 + "1," * 30_000 + "1" + "]" * 30 + "}"
    after = json_patch.apply(
        json_patch.read('[{"op": "add", "path": "/b", "value": 1}]'), body
    )
    assert len(after) < 2 * len(body)


def editing(patch: list[Any]) -> Operation:
    return plans.freeze(Selection(), Plan("fix", patch, rate=500), by="ada")


def test_many_letters_get_a_revision_each_and_stay_open() -> None:
    letters = [dead_letter(order_created().body.replace("EUR", "XXX")) for _ in "abc"]
    operation = editing(EUROS)
    control.start(operation, by="ada")
    runner.run(operation, seconds=2)
    assert progress.tally(operation).edited == 3
    for letter in letters:
        letter.refresh_from_db()
        assert (letter.state, letter.revision) == ("open", 1)
        assert letter.revisions.get(number=1).by == "ada"


def test_what_stays_invalid_cannot_be_changed_or_was_edited_is_skipped() -> None:
    event = order_created()
    edited = dead_letter(event)
    dead_letter("no event")
    dead_letter(order_created().body.replace("TEA-1", "?"))
    operation = editing([{"op": "replace", "path": "/data/currency", "value": "USD"}])
    body = event.body.replace("TEA-1", "TEA-2")
    revisions.edit(edited, body, based_on=0, by="bob", reason="x")
    control.start(operation, by="ada")
    runner.run(operation, seconds=2)
    assert progress.tally(operation).skipped == 3


def test_an_edit_is_previewed_before_it_is_started() -> None:
    dead_letter(order_created().body.replace("EUR", "XXX"))
    dead_letter(order_created())
    dead_letter(order_created().body.replace("EUR", "XXX").replace("TEA-1", "?"))
    dead_letter("no event")
    found = preview(editing(EUROS))
    assert (found.changed, found.unchanged, found.invalid, found.impossible) == (
        1,
        1,
        1,
        1,
    )
    added = [line.text.strip() for line in found.samples[0][1] if line.kind == "add"]
    assert added == ['+    "currency": "EUR",']
    assert found.samples[1][2].startswith(
        "The body is not a valid event. data.items.0."
    )


def test_a_preview_shows_what_it_would_change_and_counts_the_values_that_differ() -> (
    None
):
    for currency in ("XXX", "XXX", "YYY"):
        dead_letter(order_created().body.replace("EUR", currency))
    mine = dead_letter(order_created(email="ada@example.com"))
    patch = [
        {"op": "test", "path": "/data/currency", "value": "EUR"},
        {"op": "replace", "path": "/data/email", "value": "bob@example.com"},
    ]
    found = preview(editing(patch))
    assert (found.changed, found.other, found.looked_at, found.whole) == (1, 3, 4, True)
    assert [number for _, number in found.others_listed] == [2, 1]
    ((letter, lines, problem),) = found.samples
    assert (letter, problem) == (mine, "")
    text = "".join(line.text for line in lines)
    assert "bob@" not in text, "whoever may view operations sees it"


@pytest.mark.parametrize(("looked_at", "whole"), [(2, False), (3, True), (4, True)])
def test_a_preview_of_the_first_letters_says_that_it_is_one(
    monkeypatch: pytest.MonkeyPatch, looked_at: int, whole: bool
) -> None:
    monkeypatch.setattr(edit_preview, "LOOKED_AT", looked_at)
    monkeypatch.setattr(edit_preview, "SHOWN", 1)
    first, *_ = [
        dead_letter(order_created().body.replace("EUR", "XXX")) for _ in range(3)
    ]
    found = preview(editing(EUROS))
    assert (found.looked_at, found.whole) == (min(looked_at, 3), whole)
    assert [letter for letter, *_ in found.samples] == [first]


def test_what_changed_since_the_freeze_is_gone_from_the_preview(sqs: None) -> None:
    event = order_created()
    body = event.body.replace("EUR", "XXX")
    edited, discarded = dead_letter(body), dead_letter(order_created())
    operation = editing(EUROS)
    revisions.edit(edited, event.body, based_on=0, by="bob", reason="x")
    settlement.discard(discarded, by="bob", reason="x")
    found = preview(operation)
    assert (found.gone, found.looked_at) == (2, 2)


def test_a_preview_looks_at_fewer_letters_where_their_bodies_are_long() -> None:
    for _ in "123":
        dead_letter(f'{{"long": "{"x" * (MOST_READ // 2)}"}}')
    found = preview(editing([{"op": "add", "path": "/note", "value": 1}]))
    assert (found.looked_at, found.invalid, found.whole) == (2, 2, False)


def test_staff_edit_many_in_the_admin(desk: Client) -> None:
    letter = dead_letter(order_created().body.replace("EUR", "XXX"))
    form = plan(kind="fix", patch=json.dumps(EUROS))
    answer = desk.post(f"{OPERATIONS}new/", form)
    assert "<b>1</b> would change and be valid" in html(desk, answer["Location"])
    letter.refresh_from_db()
    assert letter.revision == 0


def test_an_edit_without_a_change_is_refused(desk: Client) -> None:
    dead_letter()
    answer = desk.post(f"{OPERATIONS}new/", plan(kind="fix"))
    assert "at least one step" in answer.content.decode()


def test_editing_many_needs_the_permission_to_edit(client_of: ClientOf) -> None:
    dead_letter()
    form = plan(kind="fix", patch=json.dumps(EUROS))
    answer = client_of("view", "bulk_redrive").post(f"{OPERATIONS}new/", form)
    assert answer.status_code == 403
