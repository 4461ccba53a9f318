"""What staff do stands in the trail: who, what, why, from what and to what."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dlq_review.groups import merge
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup, Operation
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.redrive import undo_window
from dlq_review.redrive.terms import Redrive, Terms
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import User
from tests.builders import dead_letter, failure, message, order_created
from tests.dlq_review.desk_pages import page
from tests.dlq_review.operation_runs import FAST, run, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
Entry = tuple[str, str, str, str, str]
"""Actor, verb, reason, before and after."""


def trail(about: DeadLetter | FailureGroup | Operation) -> list[Entry]:
    """The entries, the oldest first, without those of the making."""
    names = ("actor", "verb", "reason", "before", "after")
    found = about.audit.exclude(verb="pulled").order_by("pk")
    return [tuple(one) for one in found.values_list(*names)]


def as_it_is(_: DeadLetter) -> None:
    """The letter waits."""


def claimed(letter: DeadLetter) -> None:
    undo_window.redrive_soon(Redrive(letter, letter.revision), Terms("bob"))


def discarded(letter: DeadLetter) -> None:
    settlement.discard(letter, by="bob", reason="x")


def processed(letter: DeadLetter) -> None:
    processor.handle(message(letter.revisions.get().body))


ALREADY = "Was processed in the meantime; not discarded."
NOTHING_SENT = "Already processed; nothing was sent."


@pytest.mark.parametrize(
    ("before", "step", "entries"),
    [
        (as_it_is, "redrive", [("ada", "claimed", "why", "open", "claimed")]),
        (processed, "redrive", [("ada", "resolved", NOTHING_SENT, "open", "resolved")]),
        (claimed, "undo", [("ada", "undone", "", "claimed", "open")]),
        (as_it_is, "resolve", [("ada", "resolved", "why", "open", "resolved")]),
        (as_it_is, "discard", [("ada", "discarded", "why", "open", "discarded")]),
        (processed, "discard", [("ada", "resolved", ALREADY, "open", "resolved")]),
        (discarded, "restore", [("ada", "restored", "why", "discarded", "open")]),
        (as_it_is, "reveal", [("ada", "revealed", "Its page", "", "")]),
        (as_it_is, "body/0", [("ada", "revealed", "Revision 0 as a file", "", "")]),
        (
            as_it_is,
            "edit",
            [("ada", "edited", "why", "revision 0", "revision 1")],
        ),
    ],
)
def test_each_step_with_a_letter_is_recorded(
    desk: Client,
    before: Callable[[DeadLetter], None],
    step: str,
    entries: list[Entry],
) -> None:
    event = order_created()
    letter = dead_letter(event)
    before(letter)
    known = len(trail(letter))
    body = event.body.replace("TEA-1", "CUP-2")
    desk.post(page(letter, step), {"reason": "why", "body": body, "based_on": 0})
    assert trail(letter)[known:] == entries


def test_a_text_for_the_sender_is_recorded_beside_the_reason(desk: Client) -> None:
    letter = dead_letter()
    told = {"reason": "why", "told": "We have no more tea."}
    desk.post(page(letter, "discard"), told)
    reason = "why The sender is told: We have no more tea."
    assert trail(letter) == [("ada", "discarded", reason, "open", "discarded")]


@pytest.fixture
def group() -> FailureGroup:
    return dead_letter(attributes=failure(error_type="TimeoutError")).group


@pytest.mark.parametrize(
    ("verb", "entry"),
    [
        ("acknowledge", ("ada", "noted", "", "open", "acknowledged")),
        ("annotate", ("ada", "noted", "Note was: empty", "", "")),
    ],
)
def test_each_step_with_a_group_is_recorded(
    desk: Client, group: FailureGroup, verb: str, entry: Entry
) -> None:
    desk.post(_of_group(group, verb), {"note": "n"})
    assert trail(group) == [entry]


def test_the_resolving_of_a_group_is_recorded(
    desk: Client, group: FailureGroup
) -> None:
    FailureGroup.objects.update(waiting=0)
    desk.post(_of_group(group, "resolve"))
    assert trail(group) == [("ada", "noted", "", "open", "resolved")]


@pytest.mark.parametrize("verb", ["merge", "split"])
def test_both_groups_record_that_they_were_joined_or_parted(
    desk: Client, group: FailureGroup, verb: str
) -> None:
    into = dead_letter(attributes=failure(error_type="OSError")).group
    done, where = "merged", "into"
    if verb == "split":
        merge.merge(group, into, by="ada", reason="x")
        done, where = "split", "from"
    desk.post(_of_group(group, verb), {"reason": "why", "into": into.pk})
    there = f"{where} OSError #{into.pk}"
    here = f"TimeoutError #{group.pk}"
    assert trail(group)[-1] == ("ada", done, "why", "", there)
    assert trail(into)[-1] == ("ada", done, "why", "", here)


def _of_group(group: FailureGroup, verb: str) -> str:
    return reverse(f"admin:dlq_review_failuregroup_{verb}", args=[group.pk])


@pytest.mark.parametrize(
    ("state", "verb", "entry"),
    [
        ("draft", "start", ("ada", "started", "fixed", "draft", "running")),
        ("running", "pause", ("ada", "steered", "fixed", "running", "paused")),
        ("paused", "resume", ("ada", "steered", "fixed", "paused", "running")),
        ("draft", "cancel", ("ada", "steered", "fixed", "draft", "cancelled")),
        ("running", "cancel", ("ada", "steered", "fixed", "running", "cancelled")),
        ("paused", "cancel", ("ada", "steered", "fixed", "paused", "cancelled")),
    ],
)
def test_each_step_with_an_operation_is_recorded(
    desk: Client, state: str, verb: str, entry: Entry
) -> None:
    dead_letter()
    operation = plans.freeze(Selection(), FAST, by="bob", reason="fixed")
    Operation.objects.update(state=state)
    desk.post(reverse(f"admin:dlq_review_operation_{verb}", args=[operation.pk]))
    assert trail(operation) == [entry]


@pytest.mark.parametrize(
    ("kind", "before", "entry"),
    [
        ("redrive", as_it_is, ("bob", "claimed", "{} why", "open", "claimed")),
        ("redrive", processed, ("bob", "resolved", NOTHING_SENT, "open", "resolved")),
        ("discard", as_it_is, ("bob", "discarded", "why", "open", "discarded")),
        ("discard", processed, ("bob", "resolved", ALREADY, "open", "resolved")),
        ("restore", discarded, ("bob", "restored", "{} why", "discarded", "open")),
        ("fix", as_it_is, ("bob", "edited", "{} why", "revision 0", "revision 1")),
    ],
)
def test_an_operation_records_its_author_and_reason_with_each_letter(
    kind: str, before: Callable[[DeadLetter], None], entry: Entry
) -> None:
    letter = dead_letter()
    before(letter)
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": "/data/currency", "value": "USD"}
    ]
    plan = Plan(kind=kind, patch=patch, rate=500)
    chosen = Selection(discarded=kind == "restore")
    operation = plans.freeze(chosen, plan, by="bob", reason="why")
    control.start(operation, by="bob")
    known = len(trail(letter))
    runner.run(operation, seconds=9)
    actor, verb, reason, former, after = entry
    reason = reason.format(f"Operation {operation.pk}.")
    assert trail(letter)[known] == (actor, verb, reason, former, after)


def test_an_operation_that_ends_or_halts_by_itself_records_why() -> None:
    operation = started(1)
    control.pause(operation, halted="SQS does not take the messages.")
    assert trail(operation)[-1] == (
        *("", "steered", "SQS does not take the messages.", "running", "paused"),
    )
    control.resume(operation, by="ada")
    operation.items.update(state="processed")
    runner.run(operation, seconds=9)
    assert trail(operation)[-1] == ("", "steered", "fixed", "running", "done")
    operation.refresh_from_db()
    assert operation.ended_at is not None
    assert operation.ended_at <= timezone.now()


def test_the_command_works_in_the_name_of_the_user_it_is_given() -> None:
    User.objects.create(username="ada", is_superuser=True)
    letter = dead_letter()
    run("--all", "--apply", "--by", "ada", "--reason", "why")
    operation = Operation.objects.get()
    assert (operation.by, operation.reason) == ("ada", "why")
    assert trail(operation)[0] == ("ada", "started", "why", "draft", "running")
    reason = f"Operation {operation.pk}. why"
    assert trail(letter)[0] == ("ada", "claimed", reason, "open", "claimed")


def test_nobody_is_named_for_what_holdfast_does_itself() -> None:
    event = order_created()
    letter = dead_letter(event)
    processor.handle(message(event))
    settlement.reconcile()
    assert trail(letter) == [("", "resolved", "Processed.", "open", "resolved")]
    entry = letter.audit.get(verb="resolved")
    assert str(entry) == "Holdfast resolved"
    assert str(AuditEntry(actor="ada", verb="edited")) == "ada edited"
