"""What is just at a limit is taken, and one more is refused by a sentence with the limit."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from annotated_types import MaxLen

from dlq_review.bodies import exact_json, json_patch, patch_cases, typed
from dlq_review.bodies.body_form import NoFormError, form_of
from dlq_review.bodies.contract_fields import Kind, declares
from dlq_review.bodies.field_conditions import Condition, FieldError
from dlq_review.bodies.json_patch import PatchError
from dlq_review.search.narrowing import Conditions
from tests.builders import order_data

IS_1 = {"op": "test", "path": "/a/*/b", "value": 1}
TO_9 = {"op": "replace", "path": "/a/*/b", "value": 9}
ONE = {"op": "add", "path": "/a", "value": 1}


def _form_of(parts: int) -> None:
    """A form of so many parts: inputs, sections, and fields that no contract knows."""
    data = order_data(items=[])
    empty = form_of(_order(data), {}, masked=False)
    sections = [part for one in empty for part in one.walk()]
    known = sum(1 + len(part.inputs) for part in sections)
    more = {f"extra_{number}": 1 for number in range(parts - known)}
    form_of(_order({**data, **more}), {}, masked=False)


def _order(data: dict[str, Any]) -> exact_json.Node:
    return exact_json.loads(json.dumps({"type": "order_created", "data": data}))


def _asked(count: int) -> None:
    if refused := Conditions.read("\n".join(["data.items"] * count)).refused:
        raise FieldError(refused)


#: The limit, what is done with so many, and the sentence for one more.
LIMITS: dict[str, tuple[int, Callable[[int], object], str]] = {
    "characters of a condition": (
        500,
        lambda size: Condition.read("a=".ljust(size, "x")),
        "A condition has at most 500 characters.",
    ),
    "conditions of a list": (10, _asked, "Ask at most 10 conditions at once."),
    "cases of a change": (
        50,
        lambda count: patch_cases.read(json.dumps([[ONE]] * count)),
        "Write at most 50 cases.",
    ),
    "steps by example": (
        100,
        lambda count: patch_cases.by_example(
            "{}", json.dumps({str(number): 1 for number in range(count)})
        ),
        "Too much differs to make the same change in others.",
    ),
    "steps for each place": (
        100,
        lambda count: patch_cases.read(json.dumps([TO_9] * count)),
        "Write at most 100 steps with a * in them.",
    ),
    "places of a list": (
        200,
        lambda count: patch_cases.apply(
            patch_cases.read(json.dumps([IS_1, TO_9])),
            json.dumps({"a": [{"b": 1}] * count}),
        ),
        "The list has 201 places, and at most 200 are looked at.",
    ),
    "levels of a path": (
        32,
        lambda levels: json_patch.checked_path("/a" * levels),
        "No body is nested more than 32 levels.",
    ),
    "parts of a form": (600, _form_of, "It has 601 fields, and a form at most 600"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_at_a_limit_is_taken_and_one_more_is_not(name: str) -> None:
    most, done, sentence = LIMITS[name]
    done(most)
    with pytest.raises((FieldError, PatchError, NoFormError)) as refused:
        done(most + 1)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(("size", "declared"), [(200, True), (201, False)])
def test_a_path_longer_than_its_column_is_declared_by_no_contract(
    size: int, declared: bool
) -> None:
    number = "0" * (size - len("data.items..sku"))
    assert declares("order_created", f"data.items.{number}.sku") is declared


@pytest.mark.parametrize(("digits", "number"), [(18, True), (19, False)])
def test_a_whole_number_is_written_as_one_as_long_as_every_reader_takes_it(
    digits: int, number: bool
) -> None:
    form = form_of(_order(order_data()), {}, masked=False)
    (step,) = typed.steps(form, {"/data/items/0/quantity": "9" * digits})
    assert step["json"] == ("9" * digits if number else f'"{"9" * digits}"')


@pytest.mark.parametrize(("most", "lines"), [(1_000, False), (1_001, True)])
def test_a_text_that_may_be_long_has_several_lines(most: int, lines: bool) -> None:
    assert Kind(Annotated[str | None, MaxLen(most)]).is_long is lines
