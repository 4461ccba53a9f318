"""A step that comes too late changes nothing, and the page says why."""

from typing import Any

import pytest
from django.test import Client

from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter
from tests.dlq_review.desk_pages import OPERATIONS, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_sqs")]

S = Operation.State
GOES: dict[str, dict[str, str]] = {
    "start": {"draft": "running"},
    "pause": {"running": "paused"},
    "resume": {"paused": "running"},
    "cancel": dict.fromkeys(("draft", "running", "paused"), "cancelled"),
}


def told(answer: Any) -> list[tuple[str, str]]:
    return [(one.level_tag, str(one)) for one in answer.context["messages"]]


@pytest.mark.parametrize("verb", GOES)
@pytest.mark.parametrize("state", S.values)
def test_an_operation_is_steered_from_the_states_that_allow_it(
    desk: Client, state: str, verb: str
) -> None:
    dead_letter()
    operation = plans.freeze(Selection(), Plan(), by="ada", reason="fixed")
    Operation.objects.filter(pk=operation.pk).update(state=state)
    answer = desk.post(f"{OPERATIONS}{operation.pk}/{verb}/", follow=True)
    operation.refresh_from_db()
    assert operation.state == GOES[verb].get(state, state)
    called = S(state).label.lower()
    refusal = (
        f"{operation} is {called} or was changed by somebody else. Look at it again."
    )
    assert told(answer) == ([] if state in GOES[verb] else [("error", refusal)])
    assert answer.redirect_chain[-1][0] == f"{OPERATIONS}{operation.pk}/change/"


L = DeadLetter.State
ONLY = "only open or quarantined dead letters can be"
NO_REDRIVE = "No redrive of it is waiting to be sent, so there is nothing to undo."
#: What a letter in a state says to a deed that it refuses; each names the state as it is.
UNDO = {
    L.OPEN: NO_REDRIVE,
    L.QUARANTINED: NO_REDRIVE,
    L.CLAIMED: "It is being sent now, so the redrive cannot be undone any more.",
    L.REDRIVEN: "It was sent already, so the redrive cannot be undone any more.",
    L.RESOLVED: "It is resolved, so no redrive of it is waiting to be sent.",
    L.DISCARDED: "It is discarded, so no redrive of it is waiting to be sent.",
}
DONE = {"redrive": "redriven", "discard": "discarded", "resolve": "resolved"}
AFTER = {
    "redrive": L.CLAIMED,
    "discard": L.DISCARDED,
    "resolve": L.RESOLVED,
    "restore": L.OPEN,
}


def refusal(letter: DeadLetter, state: L, deed: str) -> str:
    """The sentence for *deed* on a letter in *state*; empty if it is done."""
    if deed == "undo":
        return UNDO[state]
    if deed == "restore":
        none = f"{letter} is not discarded, so there is nothing to restore."
        return "" if state == L.DISCARDED else none
    waits = state in (L.OPEN, L.QUARANTINED)
    return "" if waits else f"{letter} is {state.label.lower()}; {ONLY} {DONE[deed]}."


@pytest.mark.parametrize("state", L)
def test_a_letter_takes_the_deeds_of_its_state_and_says_why_not_the_others(
    desk: Client, state: L
) -> None:
    for deed in ("undo", *AFTER):
        letter = dead_letter()
        DeadLetter.objects.filter(pk=letter.pk).update(state=state)
        form = {"reason": "why", "revision": 0}
        answer = desk.post(page(letter, deed), form, follow=True)
        letter.refresh_from_db()
        if expected := refusal(letter, state, deed):
            assert told(answer) == [("error", expected)], deed
            assert letter.state == state
            assert letter.audit.filter(actor="ada").count() == 0
        else:
            assert [level for level, _ in told(answer)] in ([], ["success"]), deed
            assert letter.state == AFTER[deed]


@pytest.mark.parametrize("state", L)
def test_an_edit_is_saved_in_the_states_that_wait_and_says_why_not_in_others(
    desk: Client, state: L
) -> None:
    letter = dead_letter()
    body = letter.revisions.get().body
    DeadLetter.objects.filter(pk=letter.pk).update(state=state)
    form = {"body": body, "based_on": 0, "reason": "why"}
    answer = desk.post(page(letter, "edit"), form, follow=True)
    (level, sentence), *_ = told(answer)
    if state in DeadLetter.EDITABLE:
        assert level == "success"
    else:
        why = f"{letter} is {state.label.lower()}; {ONLY} edited."
        assert (level, sentence) == ("error", f"Not saved. {why}")
    assert letter.revisions.count() == 1 + (state in DeadLetter.EDITABLE)
