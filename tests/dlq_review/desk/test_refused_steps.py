"""A step that comes too late changes nothing, and the page says why."""

from typing import Any

import pytest
from django.test import Client

from dlq_review.letters import settlement
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


WAITS = "{} is discarded; only open or quarantined dead letters can be"
SETTLED = {
    "redrive": f"{WAITS} redriven.",
    "discard": f"{WAITS} discarded.",
    "resolve": f"{WAITS} resolved.",
    "undo": "It was sent already, so the redrive cannot be undone any more.",
}


@pytest.mark.parametrize(("step", "sentence"), SETTLED.items())
def test_a_letter_that_is_settled_takes_no_step_but_a_restore(
    desk: Client, step: str, sentence: str
) -> None:
    letter = dead_letter()
    settlement.discard(letter, by="bob", reason="x")
    form = {"reason": "why", "revision": 0}
    answer = desk.post(page(letter, step), form, follow=True)
    assert told(answer) == [("error", sentence.format(letter))]
    assert DeadLetter.objects.get().state == "discarded"
    assert letter.audit.filter(actor="ada").count() == 0
    answer = desk.post(page(letter, "restore"), form, follow=True)
    ((level, _),) = told(answer)
    assert level == "success"
    assert DeadLetter.objects.get().state == "open"
