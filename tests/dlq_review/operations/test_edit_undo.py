"""An edit of many is undone as a whole."""

import json

import pytest
from django.test import Client

from dlq_review.errors import ReasonMissingError
from dlq_review.letters import current_event, revisions, settlement
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import control, edit_undo, plans, progress, runner
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, order_created, redrive_now
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, html, page
from tests.dlq_review.patches import EUROS

pytestmark = pytest.mark.django_db


def broken() -> DeadLetter:
    return dead_letter(order_created().body.replace("EUR", "XXX"))


def run(operation: Operation) -> Operation:
    control.start(operation, by="ada")
    runner.run(operation, seconds=9)
    return operation


def edit_of_all() -> Operation:
    return run(plans.freeze(Selection(), Plan("fix", EUROS, rate=500), by="ada"))


def test_the_body_before_the_edit_comes_back_and_not_the_one_before_that() -> None:
    letter = broken()
    body = body_of(letter).replace("XXX", "USD")
    revisions.edit(letter, body, based_on=0, by="ada", reason="dollars")
    run(undo(edit_of_all()))
    assert body_of(letter) == body
    assert letter.revision == 3


def test_a_letter_is_called_again_what_it_was_called() -> None:
    letter = dead_letter(order_created(order_id="ORD-1", customer_id="C-1"))
    rename = [
        {"op": "replace", "path": "/data/order_id", "json": '"ORD-2"'},
        {"op": "replace", "path": "/data/customer_id", "json": '"C-2"'},
    ]
    edit = run(plans.freeze(Selection(), Plan("fix", rename), by="ada"))
    letter.refresh_from_db()
    assert (letter.reference, letter.customer_id) == ("ORD-2", "C-2")
    run(undo(edit))
    letter.refresh_from_db()
    assert (letter.reference, letter.customer_id) == ("ORD-1", "C-1")


def undo(edit: Operation) -> Operation:
    return edit_undo.freeze_undo(edit, by="bob", reason="wrong currency")


def body_of(letter: DeadLetter) -> str:
    letter.refresh_from_db()
    return current_event.current(letter).body


def test_each_letter_gets_its_former_body_back_as_a_new_revision() -> None:
    letters = [broken() for _ in "abc"]
    before = [(body_of(one), one.body_fingerprint, one.reference) for one in letters]
    operation = run(undo(edit_of_all()))
    operation.refresh_from_db()
    done = progress.tally(operation).by_state["undone"]
    assert (operation.state, done) == ("done", 3)
    after = [(body_of(one), one.body_fingerprint, one.reference) for one in letters]
    assert after == before
    for letter in letters:
        assert (letter.state, letter.revision) == ("open", 2)
        assert letter.revisions.count() == 3
        entry = letter.audit.first()
        assert entry is not None
        assert (entry.verb, entry.actor) == ("edited", "bob")
        assert entry.reason.endswith("revision 0 again. wrong currency")


def test_what_was_edited_sent_or_settled_since_is_skipped_with_the_reason(
    sqs: None,
) -> None:
    edited, redriven, discarded, untouched = (broken() for _ in "abcd")
    edit = edit_of_all()
    body = body_of(edited).replace("TEA-1", "TEA-2")
    revisions.edit(edited, body, based_on=1, by="eve", reason="x")
    redriven.refresh_from_db()
    redrive_now(redriven, by="eve")
    discarded.refresh_from_db()
    settlement.discard(discarded, by="eve", reason="x")
    operation = undo(edit)
    assert edit_undo.outlook(operation) == edit_undo.Outlook(undone=1, edited=1, gone=2)
    run(operation)
    why = dict(operation.items.values_list("letter_id", "why"))
    assert why[edited.pk].startswith("It was edited since")
    assert "is redriven" in why[redriven.pk]
    assert "is discarded" in why[discarded.pk]
    assert why[untouched.pk] == ""
    assert "TEA-2" in body_of(edited)


def test_what_the_edit_has_skipped_is_not_on_the_list() -> None:
    broken()
    dead_letter()  # in euros already
    assert undo(edit_of_all()).total == 1


def test_a_type_that_the_edit_made_known_is_unknown_again() -> None:
    letter = dead_letter(order_created().body.replace("order_created", "order_made"))
    retype: list[dict[str, object]] = [
        {"op": "replace", "path": "/type", "value": "order_created"}
    ]
    edit = run(plans.freeze(Selection(), Plan("fix", retype, rate=500), by="ada"))
    letter.refresh_from_db()
    assert letter.type == "order_created"
    run(undo(edit))
    letter.refresh_from_db()
    assert (letter.type, letter.state) == ("order_made", "quarantined")
    revisions.edit(
        letter, order_created(id=letter.request_id).body, based_on=2, by="a", reason="x"
    )


def test_only_an_edit_that_has_ended_is_undone() -> None:
    broken()
    edit = plans.freeze(Selection(), Plan("fix", EUROS), by="ada")
    other = plans.freeze(Selection(), Plan(), by="ada")
    for operation in (edit, other):
        with pytest.raises(edit_undo.NotUndoableError):
            undo(operation)


def test_undoing_needs_a_reason() -> None:
    broken()
    with pytest.raises(ReasonMissingError):
        edit_undo.freeze_undo(edit_of_all(), by="ada", reason=" ")


def test_undone_twice_the_second_changes_nothing() -> None:
    broken()
    edit = edit_of_all()
    run(undo(edit))
    operation = run(undo(edit))
    assert progress.tally(operation).skipped == 1


def test_staff_undo_an_edit_in_the_admin(desk: Client, client_of: ClientOf) -> None:
    letter = broken()
    edit = edit_of_all()
    shown = f"{OPERATIONS}{edit.pk}/"
    assert "Undo the edit…" in html(desk, f"{shown}change/")
    viewer = client_of("view", "bulk_redrive", name="eve")
    assert "Undo the edit…" not in html(viewer, f"{shown}change/")
    assert viewer.post(f"{shown}undo/", {"reason": "x"}).status_code == 403
    assert desk.get(f"{shown}undo/").status_code == 405
    assert "Say why" in desk.post(f"{shown}undo/", follow=True).content.decode()

    answer = desk.post(f"{shown}undo/", {"reason": "wrong currency"})
    text = html(desk, answer["Location"])
    assert "<b>1</b> would be as before the edit" in text
    assert "Undo 1</button>" in text
    letter.refresh_from_db()
    assert letter.revision == 1
    operation = Operation.objects.get(kind="undo")
    assert viewer.post(f"{OPERATIONS}{operation.pk}/start/").status_code == 403
    desk.post(f"{OPERATIONS}{operation.pk}/start/")
    runner.run_all(seconds=9)
    assert "<b>1</b> as before the edit" in html(desk, answer["Location"])
    assert f'Undone by <a href="{OPERATIONS}{operation.pk}/' in html(
        desk, f"{shown}change/"
    )
    assert "XXX" in body_of(letter)
    assert "undoes operation" in html(desk, page(letter))


def test_an_undo_is_made_from_its_edit_alone(desk: Client) -> None:
    dead_letter()
    form = {"kind": "undo", "rate": 1, "canary": 0, "stop_at": 20, "reason": "x"}
    answer = desk.post(f"{OPERATIONS}new/", {**form, "patch": json.dumps(EUROS)})
    assert "errorlist" in answer.content.decode()


@pytest.mark.parametrize("kind", ["redrive", "discard", "restore", "undo"])
@pytest.mark.parametrize("state", Operation.ENDED)
def test_what_is_no_edit_has_no_edit_to_undo(kind: str, state: str) -> None:
    broken()
    operation = plans.freeze(Selection(), Plan(), by="ada")
    operation.items.update(state="fixed")
    Operation.objects.update(kind=kind, state=state)
    operation.refresh_from_db()
    with pytest.raises(edit_undo.NotUndoableError):
        undo(operation)
    assert Operation.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "undone", "revision"),
    [("fix", {"fixed"}, 4), ("repair", {"fixed", "failed_again"}, 3)],
)
def test_an_undo_lists_what_was_edited_and_waits_still(
    kind: str, undone: set[str], revision: int
) -> None:
    letter = broken()
    edit = Operation.objects.create(
        kind=kind, by="ada", cutoff=letter.last_failed_at, state="cancelled"
    )
    letters = {
        edit.items.create(letter=broken(), revision=3, state=state).letter_id: state
        for state in OperationItem.State.values
    }
    listed = list(undo(edit).items.values_list("letter_id", "revision"))
    assert {letters[one] for one, _ in listed} == undone
    assert {number for _, number in listed} == {revision}


@pytest.mark.parametrize("edited_since", [False, True])
def test_an_undo_that_would_change_nothing_cannot_be_started(
    desk: Client, edited_since: bool
) -> None:
    letter = broken()
    back = undo(edit_of_all())
    if edited_since:
        body = body_of(letter).replace("EUR", "USD")
        revisions.edit(letter, body, based_on=1, by="ada", reason="x")
    text = html(desk, f"{OPERATIONS}{back.pk}/change/")
    assert ('disabled aria-describedby="idle"' in text) is edited_since
    assert ("Nothing would be changed" in text) is edited_since
