"""Where the edit page marks a problem: its input, its line, the input to begin with."""

import pytest

from dlq_review.bodies import exact_json
from dlq_review.bodies.body_form import form_of
from dlq_review.bodies.contract_fields import Kind
from dlq_review.bodies.inputs import Input, Section
from dlq_review.desk import edit_marks
from dlq_review.desk.edit_marks import MOST_LINES, Line, Marked, Wrong
from dlq_review.desk.forms import EditForm
from processing.events.errors import Problem

TEXT = """{
  "type": "order_created",
  "data": {
    "currency": "euros",
    "items": [
      {"sku": "A"},
      {"sku": "B"}
    ]
  }
}"""


def wrong(field: str, message: str = "Wrong.") -> Wrong:
    return Wrong(
        Problem(field, message), Problem(f"shown {field}", f"Shown: {message}")
    )


def unread(message: str) -> Wrong:
    """A text that is no JSON. What is shown of it names no line."""
    return Wrong(Problem("", message), Problem("", "•••"))


# -- The line -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("type", 2),
        ("data", 3),
        ("data.currency", 4),
        ("data.items", 5),
        ("data.items.1.sku", 7),
        ("data.items.1.quantity", 7),  # is missing: the part that it belongs to
        ("data.items.7.sku", 5),
        ("data.email", 3),
        ("data.shipping.street", 3),
        ("timestamp", 1),
        ("", 1),
    ],
)
def test_a_problem_stands_on_the_line_of_the_innermost_part_that_holds_it(
    field: str, line: int
) -> None:
    assert edit_marks.places(TEXT, [wrong(field)]) == [line]


def test_each_problem_has_its_own_line_in_their_order() -> None:
    found = [wrong("data.items.1.sku"), wrong("type"), wrong("data.currency")]
    assert edit_marks.places(TEXT, found) == [7, 2, 4]


@pytest.mark.parametrize("text", [TEXT, "no JSON"])
def test_where_nothing_is_wrong_no_line_is(text: str) -> None:
    assert edit_marks.places(text, []) == []


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Not JSON: something is missing at line 1 column 2.", 1),
        ("Not JSON: something is missing at line 12 column 340.", 12),
        ("Not JSON.", 0),
        ("Not JSON at line 3", 0),
    ],
)
def test_a_text_that_is_no_json_is_wrong_where_its_error_says(
    message: str, line: int
) -> None:
    found = [unread(message), unread("Not JSON.")]
    assert edit_marks.places("{", found) == [line, 0]


# -- The lines ----------------------------------------------------------------------
def test_a_line_has_a_number_and_the_sentences_of_its_problems() -> None:
    found = [wrong("a", "One."), wrong("b", "Two."), wrong("c", "Three.")]
    assert edit_marks.lines("x\n\ny\u202e", found, [3, 1, 3]) == [
        Line(1, "x", "Shown: Two."),
        Line(2, ""),
        Line(3, "y\\u202e", "Shown: One. Shown: Three."),
    ]


@pytest.mark.parametrize(
    ("count", "numbered"),
    [(MOST_LINES - 1, MOST_LINES - 1), (MOST_LINES, MOST_LINES), (MOST_LINES + 1, 0)],
)
def test_a_text_of_very_many_lines_has_no_numbers(count: int, numbered: int) -> None:
    assert len(edit_marks.lines("\n" * (count - 1), [], [])) == numbered


# -- The input ----------------------------------------------------------------------
def part(pointer: str, *inputs: Input, sections: tuple[Section, ...] = ()) -> Section:
    return Section(pointer, "x", list(inputs), list(sections))


def field(pointer: str, *, locked: bool = False) -> Input:
    return Input(pointer, "x", Kind(str), locked=locked)


ITEM = part("/data/items/0", field("/data/items/0/sku"))
ITEMS = part("/data/items", sections=(ITEM,))
FORM = [
    part(
        "/data",
        field("/data/currency"),
        field("/data/email", locked=True),
        field("/data/a b"),
        sections=(ITEMS,),
    ),
    part("", field("/timestamp")),
]


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("data.currency", "id_/data/currency"),
        ("data.email", "id_/data/email"),
        ("data.a b", "id_/data/a%20b"),
        ("data.items.0.sku", "id_/data/items/0/sku"),
        ("data.items.0.size", "id_/data/items/0"),
        ("data.items.4.sku", "id_/data/items"),
        ("data.unknown", "id_/data"),
        ("timestamp", "id_/timestamp"),
        ("source", ""),
        ("", ""),
    ],
)
def test_a_problem_leads_to_its_input_or_the_part_that_it_belongs_to(
    name: str, element: str
) -> None:
    one = wrong(name)
    assert edit_marks.marked([one], [5], FORM) == [Marked(one.shown, element, 5)]


def test_without_a_form_a_problem_has_its_line_alone() -> None:
    found = [wrong("data.currency"), wrong("type")]
    assert edit_marks.marked(found, [4, 0], []) == [
        Marked(found[0].shown, "", 4),
        Marked(found[1].shown, "", 0),
    ]


# -- The focus ----------------------------------------------------------------------
def form(reason: str | None = None) -> EditForm:
    """Bound, if a *reason* was sent."""
    if reason is None:
        return EditForm()
    return EditForm({"body": "x", "reason": reason, "based_on": "0"})


CURRENCY, EMAIL, TIMESTAMP = map(wrong, ("data.currency", "data.email", "timestamp"))
UNKNOWN = wrong("data.unknown")


@pytest.mark.parametrize("reason", [None, "", "repaired"])
@pytest.mark.parametrize(
    ("found", "sections", "focus"),
    [
        ([CURRENCY], FORM, "/data/currency"),
        ([TIMESTAMP, CURRENCY], FORM, "/timestamp"),
        ([UNKNOWN, EMAIL, CURRENCY], FORM, "/data/currency"),
        ([wrong("data.items.0.sku")], FORM, "/data/items/0/sku"),
        ([EMAIL], FORM, ""),  # it is locked
        ([UNKNOWN], FORM, ""),
        ([wrong("data.items")], FORM, ""),  # a part, and no input
        ([CURRENCY], [], "body"),
        ([wrong("")], [], "body"),
    ],
)
def test_one_begins_with_the_first_wrong_input_that_one_may_change(
    found: list[Wrong], sections: list[Section], focus: str, reason: str | None
) -> None:
    assert edit_marks.focus(form(reason), sections, found) == focus


@pytest.mark.parametrize("sections", [FORM, []])
@pytest.mark.parametrize(
    ("reason", "focus"), [(None, ""), ("", "reason"), ("repaired", "")]
)
def test_where_the_body_is_right_one_begins_with_a_reason_that_is_missing(
    reason: str | None, focus: str, sections: list[Section]
) -> None:
    assert edit_marks.focus(form(reason), sections, []) == focus


def test_an_error_of_another_field_is_not_the_reason() -> None:
    sent = EditForm({"body": "", "reason": "repaired", "based_on": "0"})
    assert not sent.is_valid()
    assert edit_marks.focus(sent, FORM, []) == ""


def test_every_input_of_a_form_is_where_its_problem_leads() -> None:
    document = exact_json.loads(TEXT)
    sections = form_of(document, {}, masked=False)
    inputs = list(edit_marks._inputs(sections))
    assert {"/data/currency", "/data/items/1/sku", "/timestamp"} <= {
        one.pointer for one in inputs
    }
    for one in inputs:
        (found,) = edit_marks.marked(
            [wrong(one.pointer[1:].replace("/", "."))], [1], sections
        )
        assert found.element == one.element
