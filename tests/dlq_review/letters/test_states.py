"""What a letter's fields say about it, at each limit."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from dlq_review.errors import ReviewError
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter, Operation, RedrivePolicy
from tests.builders import dead_letter

STATES = ("open", "quarantined", "claimed", "redriven", "resolved", "discarded")


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("type", "queue", "state", "goal"),
    [
        ("order_created", "orders", "open", "orders"),
        ("signup_requested", "signups", "open", "signups"),
        ("order_created", "jobs", "quarantined", "orders"),
        ("order_eaten", "orders", "quarantined", ""),
        ("", "orders", "quarantined", ""),
    ],
)
def test_a_letter_rests_where_its_type_is_known(
    type: str, queue: str, state: str, goal: str
) -> None:
    letter = DeadLetter(type=type, queue=queue)
    assert (letter.resting_state, letter.goal) == (state, goal)
    assert DeadLetter(type=type, redriven_to="emails").goal == "emails"


@pytest.mark.parametrize("state", STATES)
def test_only_a_claimed_letter_that_is_not_being_sent_can_be_undone(state: str) -> None:
    letter = DeadLetter(state=state, send_after=timezone.now())
    assert letter.undoable == (state == "claimed")
    assert not DeadLetter(state=state, send_after=None).undoable


@pytest.mark.parametrize("state", STATES)
def test_a_letter_failed_again_if_it_waits_after_a_redrive(state: str) -> None:
    waits = state in ("open", "quarantined")
    assert DeadLetter(state=state, redrives=1).failed_again == waits
    assert not DeadLetter(state=state, redrives=0).failed_again


@pytest.mark.parametrize("state", STATES)
def test_a_letter_is_overdue_if_its_redrive_has_no_outcome_for_too_long(
    settings: Settings, state: str
) -> None:
    settings.REDRIVE_OVERDUE_SECONDS = 100
    assert DeadLetter(state=state, redriven_at=ago(101)).overdue == (
        state == "redriven"
    )
    assert not DeadLetter(state=state, redriven_at=ago(90)).overdue
    assert not DeadLetter(state=state, redriven_at=None).overdue


@pytest.mark.parametrize(
    ("limit", "redrives", "reached"),
    [(0, 9, False), (1, 0, False), (1, 1, True), (3, 2, False), (3, 4, True)],
)
def test_the_limit_of_redrives_is_reached_by_that_many(
    settings: Settings, limit: int, redrives: int, *, reached: bool
) -> None:
    settings.REDRIVE_LIMIT = limit
    assert DeadLetter(redrives=redrives).limit_reached == reached


def test_an_operation_is_held_while_its_lease_runs() -> None:
    until = ago(-60)
    assert Operation(leased_until=until).held_until == until
    assert Operation(leased_until=ago(1)).held_until is None
    assert Operation(leased_until=None).held_until is None


@pytest.mark.parametrize(
    ("halted", "braked"), [("Brake: 3 of 5", True), ("SQS is away", False), ("", False)]
)
def test_a_brake_is_told_from_other_pauses(halted: str, *, braked: bool) -> None:
    assert Operation(halted=halted).braked == braked


@pytest.mark.parametrize("state", RedrivePolicy.State.values)
def test_only_an_active_policy_has_a_next_run(state: str) -> None:
    due = ago(-60)
    next_run = RedrivePolicy(state=state, next_run_at=due).next_run
    assert next_run == (due if state == "active" else None)


@pytest.mark.parametrize(
    ("now", "is_over"),
    [
        ("2026-11-20T00:00:00+00:00", False),
        ("2026-11-20T23:59:59+00:00", False),
        ("2026-11-21T00:00:00+00:00", True),
        ("2026-11-20T23:30:00-05:00", True),
    ],
)
def test_a_policy_is_over_when_its_last_day_is_in_utc(now: str, is_over: bool) -> None:
    with time_machine.travel(datetime.fromisoformat(now), tick=False):
        assert RedrivePolicy(until=date(2026, 11, 20)).is_over is is_over


@pytest.mark.django_db
def test_a_long_word_of_the_trail_is_cut_and_its_reason_is_kept() -> None:
    words = {"before": "b" * 201, "after": "a" * 201, "reason": "r" * 201}
    AuditEntry.note(None, AuditEntry.Verb.TESTED, **words)
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ("b" * 200, "a" * 200)
    assert (entry.reason, str(entry)) == ("r" * 201, "Holdfast tested")


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ORD-1", "ORD-1"),
        ("ada@example.com", "a…@example.com"),
        ("Ada Lovelace", "r-1"),
        ("", "r-1"),
    ],
)
def test_the_name_of_a_letter_names_nobody(reference: str, name: str) -> None:
    assert str(DeadLetter(request_id="r-1", reference=reference)) == name


@pytest.mark.parametrize(
    ("type", "reference", "order_id"),
    [
        ("order_created", "ORD-1", "ORD-1"),
        ("order_created", "ada@example.com", ""),
        ("signup_requested", "ada@example.com", ""),
        ("order_eaten", "ORD-1", ""),
    ],
)
def test_a_reference_is_an_order_id_if_the_contract_says_so_and_it_names_nobody(
    type: str, reference: str, order_id: str
) -> None:
    assert DeadLetter(type=type, reference=reference).order_id == order_id


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"state": "resolved"},
        {"revision": 1},
        {"redrive_id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8"},
        {"send_after": timezone.now()},
        {"purged_at": timezone.now()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_copy_that_is_out_of_date_moves_nothing(change: dict[str, Any]) -> None:
    stale = dead_letter()
    DeadLetter.objects.filter(pk=stale.pk).update(**change)
    with pytest.raises(ReviewError):
        settlement.discard(stale, by="ada", reason="x")
    now = DeadLetter.objects.get(pk=stale.pk)
    assert now.state == change.get("state", "open")
    assert not now.audit.filter(actor="ada").exists()
