"""What the next page says after a step that was taken, for every step."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from dlq_review.desk.group_verbs import VERBS
from dlq_review.desk.letter_views import SETTLEMENTS
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter
from dlq_review.redrive import undo_window
from dlq_review.redrive.terms import Redrive, Terms
from processing.delivery import processor
from processing.models import User
from tests.builders import dead_letter, failure, message
from tests.dlq_review.desk_pages import GROUPS, OPERATIONS, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]

Prepare = Callable[[DeadLetter], object]


def said(client: Client, url: str, **form: object) -> list[tuple[str, str]]:
    answer = client.post(url, {"reason": "why", **form}, follow=True)
    assert answer.status_code == 200
    return [(one.level_tag, str(one)) for one in answer.context["messages"]]


def nothing(letter: DeadLetter) -> None:
    """It only failed."""


def discard(letter: DeadLetter) -> None:
    settlement.discard(letter, by="bob", reason="x")


def process(letter: DeadLetter) -> None:
    processor.handle(message(letter.revisions.get().body))


def claim(letter: DeadLetter) -> None:
    undo_window.redrive_soon(Redrive(letter, 0), Terms("bob", "x"))


SENT = "{} is on its way. It is resolved here once processed."
#: What was done to the letter, the step, the seconds to undo a redrive, and the sentence.
LETTER: list[tuple[Prepare, str, int, str]] = [
    (nothing, "discard", 0, "{} is discarded."),
    (discard, "restore", 0, "{} is open."),
    (nothing, "resolve", 0, "{} is resolved."),
    (nothing, "redrive", 0, SENT),
    (nothing, "redrive", 9, ""),  # the page shows the button that undoes it
    (process, "redrive", 0, "{} was processed already, so nothing was sent."),
    (claim, "undo", 9, "Undone: {} was not sent."),
    (nothing, "edit", 0, "Saved revision 1 of {}."),
]


@pytest.mark.parametrize(("before", "step", "seconds", "sentence"), LETTER)
def test_the_page_of_a_letter_says_what_was_done(
    desk: Client,
    settings: Settings,
    before: Prepare,
    step: str,
    seconds: int,
    sentence: str,
) -> None:
    settings.REDRIVE_UNDO_SECONDS = seconds
    letter = dead_letter()
    before(letter)
    body = letter.revisions.get().body.replace("TEA-1", "TEA-2")
    told = said(desk, page(letter, step), revision=0, based_on=0, body=body)
    assert told == ([("success", sentence.format(letter))] if sentence else [])


GROUP = {
    "acknowledge": "",
    "give_back": "Given back. Nobody has the group now.",
    "give": "Given to eva, who is told by mail.",
    "annotate": "",
    "merge": "Merged. New failures of the merged group are added here.",
    "resolve": "",
    "split": "Split off. The group has its own letters again.",
}


def test_the_page_of_a_group_says_what_was_done(desk: Client) -> None:
    group, into = (
        dead_letter(attributes=failure(error_type=one)).group for one in ("A", "B")
    )
    eva = User.objects.create(
        username="eva", email="eva@x.org", is_staff=True, is_superuser=True
    )
    form = {"into": into.pk, "note": "n", "to": eva.pk}
    for verb, sentence in GROUP.items():
        told = said(desk, f"{GROUPS}{group.pk}/{verb}/", **form)
        assert told == ([("success", sentence)] if sentence else []), verb


def test_no_step_is_forgotten_here() -> None:
    assert GROUP.keys() == VERBS.keys()
    assert SETTLEMENTS.keys() <= {step for _, step, _, _ in LETTER}


def test_an_operation_without_letters_says_what_to_tick(desk: Client) -> None:
    told = said(desk, f"{OPERATIONS}new/", chosen="")
    assert told == [("error", "Tick at least one dead letter.")]
