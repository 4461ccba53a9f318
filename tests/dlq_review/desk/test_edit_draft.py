"""A draft of an edit: what it refuses, and what the edit page says of it."""

import json
from typing import Any

import pytest
from django.http import HttpRequest

from dlq_review.bodies.body_form import NoFormError
from dlq_review.bodies.json_patch import PatchError
from dlq_review.desk import edit_draft, edit_page
from dlq_review.desk.edit_draft import Draft, NoDraftError
from dlq_review.desk.forms import EditForm
from dlq_review.letters.revisions import LONGEST_EDIT
from dlq_review.models import DeadLetter, Revision
from processing.models import User
from tests.builders import dead_letter, order_created

BODY = order_created(order_id="ORD-1").body


def base(body: str = BODY) -> Revision:
    return Revision(number=0, body=body)


def changed(**data: Any) -> str:
    fields = json.loads(BODY)
    fields["data"] |= data
    return json.dumps(fields)


def step(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "json": json.dumps(value)}


# -- The text as a form -------------------------------------------------------------
def test_a_text_becomes_the_changes_of_its_revision() -> None:
    made = edit_draft.as_form(Draft(base(), masked=False, typed=changed(currency="X")))
    assert (made.typed, made.patch) == (None, [step("/data/currency", "X")])
    same = edit_draft.as_form(Draft(base(), masked=False, typed=BODY))
    assert (same.typed, same.patch) == (None, [])


@pytest.mark.parametrize(
    ("body", "text", "why"),
    [
        (BODY, "no JSON", "It cannot be read: "),
        ("no JSON", BODY, "It cannot be read: "),
        (BODY, "[]", "The body is no object"),
        ("[]", BODY, "The body is no object"),
        (BODY, '{"type": "unheard", "data": {}}', "Its type is none that we know"),
        (BODY, '{"type": "order_created"}', 'It has no object called "data"'),
        (BODY, changed(**{"a\x00b": 1}), "Leave control characters out"),
    ],
)
def test_a_text_that_has_no_form_stays_a_text(body: str, text: str, why: str) -> None:
    with pytest.raises(NoFormError, match=why):
        edit_draft.as_form(Draft(base(body), masked=False, typed=text))


def test_no_text_changes_personal_data_for_who_may_not_see_it() -> None:
    public = edit_draft.as_form(Draft(base(), masked=True, typed=changed(currency="X")))
    assert public.patch == [step("/data/currency", "X")]
    for data in ({"email": "eve@example.com"}, {"currency": "X", "email": ""}):
        with pytest.raises(NoFormError, match="This changes personal data"):
            edit_draft.as_form(Draft(base(), masked=True, typed=changed(**data)))


def test_a_text_is_indented_and_has_the_changes() -> None:
    draft = Draft(base(), masked=False, patch=[step("/data/currency", "X")])
    text = edit_draft.as_text(draft)
    assert text.patch == []
    assert text.typed is not None
    assert json.loads(text.typed) == json.loads(changed(currency="X"))
    assert '\n  "' in text.typed


# -- What a draft refuses -----------------------------------------------------------
@pytest.mark.parametrize(
    ("masked", "path", "why"),
    [
        (False, "/data/email", ""),
        (True, "/data/email", "This changes personal data"),
        (True, "/type", "This changes personal data"),
        (True, "/data/currency", ""),
        (False, "/data/none", "There is nothing at"),
        (True, "/data/items/7/sku", "There is nothing at"),
    ],
)
def test_each_step_is_checked_when_it_is_made(
    masked: bool, path: str, why: str
) -> None:
    draft = Draft(base(), masked)
    if not why:
        assert draft.with_steps([step(path, "x")]).patch == [step(path, "x")]
        return
    with pytest.raises(PatchError, match=why):
        draft.with_steps([step(path, "x")])
    with pytest.raises(PatchError, match=why):
        Draft(base(), masked, [step(path, "x")]).check()


def test_steps_follow_those_that_were_there() -> None:
    draft = Draft(base(), masked=False, patch=[step("/data/currency", "X")])
    both = draft.with_steps([step("/data/currency", "Y")])
    assert both.patch == [step("/data/currency", "X"), step("/data/currency", "Y")]
    assert json.loads(both.text)["data"]["currency"] == "Y"
    assert draft.patch == [step("/data/currency", "X")]


def test_who_may_not_see_personal_data_is_shown_the_masked_body_with_the_changes() -> (
    None
):
    steps = [step("/data/currency", "X")]
    for patch in ([], steps):
        draft = Draft(base(), masked=True, patch=patch)
        assert "ada@example.com" not in draft.shown
        assert "ada@example.com" in draft.text
        assert ('"X"' in draft.shown) is bool(patch)
    assert Draft(base(), masked=False, patch=steps).shown == (
        Draft(base(), masked=False, patch=steps).text
    )


def test_what_is_no_json_has_no_form() -> None:
    with pytest.raises(NoFormError, match="It is no JSON"):
        Draft(base("no JSON"), masked=False).form({})


@pytest.mark.django_db
@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_a_page_carries_a_patch_of_a_certain_length(more: int, refused: bool) -> None:
    letter = dead_letter(BODY)
    one = '[{"op": "replace", "path": "/data/currency", "value": "EUR"}'
    text = f"{one}{' ' * (256 * 1024 - len(one) - 1 + more)}]"
    if refused:
        with pytest.raises(NoDraftError):
            edit_draft.draft_of(letter, {"patch": text}, based_on=0, masked=False)
    else:
        draft = edit_draft.draft_of(letter, {"patch": text}, based_on=0, masked=False)
        assert draft.patch == [step("/data/currency", "EUR")]
    secret = '[{"op": "remove", "path": "/data/email"}]'
    with pytest.raises(PatchError):
        edit_draft.draft_of(letter, {"patch": secret}, based_on=0, masked=True)


# -- The page -----------------------------------------------------------------------
def context(letter: DeadLetter, draft: Draft, form: EditForm) -> dict[str, Any]:
    request = HttpRequest()
    request.user = User(username="ada", is_superuser=True, is_active=True)
    return edit_page.edit_context(request, letter, draft, form)


def bound() -> EditForm:
    return EditForm({"body": "x", "reason": "x", "based_on": "0"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("length", "sent", "typed", "too_long"),
    [
        (LONGEST_EDIT, False, True, False),
        (LONGEST_EDIT, False, False, False),
        (LONGEST_EDIT + 1, False, True, True),
        (LONGEST_EDIT + 1, False, False, True),
        (LONGEST_EDIT + 1, True, False, True),
        (LONGEST_EDIT + 1, True, True, False),  # to be shortened
    ],
)
def test_a_text_that_is_too_long_is_edited_only_if_it_was_typed(
    length: int, sent: bool, typed: bool, too_long: bool
) -> None:
    letter = dead_letter(BODY)
    body = "x" * length
    draft = Draft(base(body), masked=False, typed=body if typed else None)
    found = context(letter, draft, bound() if sent else EditForm())
    assert found["too_long"] is too_long
    assert ("lines" in found) is not too_long
    assert found["changed"] is False


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "editable", "quarantined"),
    [
        ("open", True, False),
        ("quarantined", True, True),
        ("claimed", False, False),
        ("redriven", False, False),
        ("resolved", False, False),
        ("discarded", False, False),
    ],
)
def test_only_a_letter_that_waits_for_staff_is_edited(
    state: str, editable: bool, quarantined: bool
) -> None:
    letter = dead_letter(BODY)
    letter.state = state
    found = context(letter, Draft(base(), masked=False), EditForm())
    assert (found["editable"], found["quarantined"]) == (editable, quarantined)


@pytest.mark.django_db
@pytest.mark.parametrize("masked", [True, False])
def test_the_changes_are_shown_as_this_person_may_see_them(masked: bool) -> None:
    letter = dead_letter(BODY)
    letter.error_text = "No room for ada@example.com."
    same = context(letter, Draft(base(), masked), EditForm())
    assert (same["changed"], same["changes"]) == (False, [])
    draft = Draft(base(), masked, patch=[step("/data/currency", "X")])
    found = context(letter, draft, EditForm())
    assert found["changed"] is True
    shown = " ".join(line.text for line in found["changes"])
    assert '"X"' in shown
    for text in (shown, found["error_text"]):
        assert ("ada@example.com" in text) is not masked
