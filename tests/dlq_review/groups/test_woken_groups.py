"""A resolved group in which a letter waits is open again, whatever move the letter made."""

import pytest
from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import REGRESSION
from dlq_review.letters import settlement
from dlq_review.letters.transitions import ALLOWED, Move, move, move_all
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from dlq_review.redrive import claims
from tests.builders import dead_letter, failure
from tests.dlq_review.kept_counters import assert_counted

pytestmark = pytest.mark.django_db

Verb = AuditEntry.Verb
WAIT = ("open", "quarantined", "claimed")
#: How the letter moves, and what its group is then if the letter waits.
VERBS = {
    Verb.NOT_SENT: "open",
    Verb.RESTORED: "open",
    Verb.EDITED: "open",
    Verb.FAILED_AGAIN: "regressed",
    Verb.REGRESSED: "regressed",
}
MOVES = [(before, to) for before, after in ALLOWED.items() for to in sorted(after)]


def letter_that_is(state: str) -> DeadLetter:
    told = failure(error_type=f"{state}Error")
    body = "no event" if state == "quarantined" else None
    letter = dead_letter(body, attributes=told)
    match state:
        case "claimed" | "redriven":
            claims.claim(letter, by="ada", reason="")
        case "resolved":
            settlement.resolve(letter, by="ada", reason="x")
        case "discarded":
            settlement.discard(letter, by="ada", reason="x")
    if state == "redriven":
        move(letter, state, Verb.SENT, redriven_at=timezone.now())
    assert letter.state == state
    return letter


def call_resolved() -> None:
    """As staff of an earlier release could while letters waited, or were on their way."""
    FailureGroup.objects.update(state="resolved")


def states() -> dict[int, str]:
    return dict(FailureGroup.objects.order_by("pk").values_list("pk", "state"))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("before", "to"), MOVES)
def test_a_move_opens_the_resolved_group_in_which_its_letter_waits(
    before: str, to: str, verb: Verb
) -> None:
    letter, other = letter_that_is(before), dead_letter()  # of another group
    settlement.resolve(other, by="ada", reason="x")
    call_resolved()
    move(letter, to, verb)
    expected = VERBS[verb] if to in WAIT else "resolved"
    assert states() == {letter.group_id: expected, other.group_id: "resolved"}
    alerts = [f"regression/{letter.group_id}"] if expected == "regressed" else []
    assert [one.name for one in raising.lasting(REGRESSION)] == alerts
    assert_counted()


def test_each_of_a_set_of_moves_opens_its_own_group() -> None:
    kept = [
        ("open", "claimed", Verb.CLAIMED, "open"),
        ("quarantined", "quarantined", Verb.FAILED_AGAIN, "regressed"),
        ("claimed", "redriven", Verb.SENT, "resolved"),
        ("redriven", "open", Verb.FAILED_AGAIN, "regressed"),
        ("discarded", "open", Verb.RESTORED, "open"),
    ]
    letters = [letter_that_is(before) for before, *_ in kept]
    call_resolved()
    moves = [
        Move(letter, to, verb)
        for letter, (_, to, verb, _) in zip(letters, kept, strict=True)
    ]
    assert move_all(moves) == [None] * len(kept)
    assert list(states().values()) == [state for *_, state in kept]
    assert_counted()


@pytest.mark.parametrize("before", WAIT)
def test_a_group_that_is_looked_after_stays_so_while_its_letter_still_waits(
    before: str,
) -> None:
    letter = letter_that_is(before)
    FailureGroup.objects.update(state="acknowledged")
    for to in sorted(ALLOWED[before] & set(WAIT)):
        stale = DeadLetter.objects.get(pk=letter.pk)
        if to in ALLOWED[stale.state]:
            move(stale, to, Verb.NOT_SENT)
            assert states() == {letter.group_id: "acknowledged"}
            assert_counted()
