"""What was settled long ago loses its bodies, and is still known for what it is."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.letters import current_event, retention, revisions, settlement
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import Arrival, DeadLetter, Operation, RedrivePolicy, Revision
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.models import Attempt, Order, Outcome
from processing.receipts import Receipt, State, Status
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    signup_requested,
)
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db
migration = import_module("dlq_review.migrations.0016_purged_sentences")
LONG_AGO = timezone.now() - timedelta(days=200)


def settled(body: object = None, verb: object = settlement.discard) -> DeadLetter:
    beside = {"attributes": {"note": "ada"}, "types": {"note": "String.lovelace"}}
    letter = dead_letter(body, **beside)  # type: ignore[arg-type]
    verb(letter, by="ada", reason="x")  # type: ignore[operator]
    DeadLetter.objects.filter(pk=letter.pk).update(settled_at=LONG_AGO)
    letter.refresh_from_db()
    return letter


def purge() -> int:
    return retention.purge(timezone.now() - timedelta(days=90))


def test_bodies_go_and_ids_states_and_the_trail_stay() -> None:
    event = signup_requested(email="lovelace@example.com")
    text = "no mail for lovelace@example.com"
    failed_attempt(event, error_text=text, traceback=f"at {text}")
    letter = settled(event)
    assert purge() == 1
    letter.refresh_from_db()
    assert (letter.request_id, letter.state) == (event.id, "discarded")
    assert letter.purged_at is not None
    assert letter.audit.filter(verb="discarded").exists()
    rows = (
        letter,
        Attempt.objects.get(),
        Revision.objects.get(),
        Arrival.objects.get(),
    )
    for row in rows:
        assert "lovelace" not in str(vars(row)), row


def test_what_staff_wrote_of_it_goes_and_what_they_did_stays() -> None:
    event = order_created()
    letter = dead_letter(event)
    edited = event.body.replace("TEA-1", "CUP-2")
    revisions.edit(letter, edited, based_on=0, by="eve", reason="Lovelace called")
    settlement.discard(letter, by="bob", reason="Lovelace called")
    DeadLetter.objects.filter(pk=letter.pk).update(settled_at=LONG_AGO)
    note_reveal("eve", "Its page", letter)
    purge()
    said = {one.verb: (one.actor, one.reason) for one in letter.audit.all()}
    assert said["discarded"] == ("bob", "")
    told = letter.revisions.order_by("number").values_list("by", "body", "reason")
    assert list(told) == [("", "", ""), ("eve", "", "")]
    assert said["revealed"] == ("eve", "Its page")


def test_what_its_sender_was_told_goes_and_the_receipt_tells_the_state() -> None:
    event = signup_requested()
    letter = dead_letter(event)
    settlement.discard(
        letter, by="bob", reason="x", message_for_sender="Dear Ms Lovelace, call us."
    )
    purge()
    assert Receipt.of(event).status().reason
    DeadLetter.objects.filter(pk=letter.pk).update(settled_at=LONG_AGO)
    purge()
    assert Outcome.objects.get().made == {}
    assert Receipt.of(event).status() == Status(State.NOT_ACCEPTED)


def test_what_a_purge_by_an_earlier_release_left_is_forgotten() -> None:
    purged, kept = dead_letter(), dead_letter()
    for letter in (purged, kept):
        settlement.discard(
            letter,
            by="bob",
            reason="x",
            message_for_sender="Dear Ms Lovelace, call us.",
        )
    DeadLetter.objects.filter(pk=purged.pk).update(purged_at=LONG_AGO)
    migration.forget_told(apps, None)
    (left,) = Outcome.objects.exclude(made={})
    assert left.request_id == kept.request_id


def test_what_waits_or_was_settled_lately_is_kept() -> None:
    waiting = dead_letter()
    lately = dead_letter()
    settlement.discard(lately, by="ada", reason="x")
    DeadLetter.objects.filter(pk=waiting.pk).update(last_failed_at=LONG_AGO)
    old = failed_attempt(order_created(id=waiting.request_id), started_at=LONG_AGO)
    assert purge() == 0
    assert not Revision.objects.filter(body="").exists()
    old.refresh_from_db()
    assert old.error_text


def test_old_attempts_of_requests_that_were_processed_lose_their_texts() -> None:
    attempt = failed_attempt(order_created(), started_at=LONG_AGO)
    purge()
    attempt.refresh_from_db()
    assert (attempt.error_text, attempt.error_type) == ("", "OperationalError")


@pytest.mark.parametrize(
    "texts",
    [
        {"error_text": "Ada", "traceback": ""},
        {"error_text": "", "traceback": "File of Ada"},
        {"error_text": "Ada", "traceback": "File of Ada"},
    ],
)
def test_an_old_attempt_loses_each_text_that_it_has(texts: dict[str, str]) -> None:
    old = failed_attempt(order_created(), started_at=LONG_AGO, **texts)
    late = failed_attempt(order_created(), **texts)
    purge()
    for attempt, left in ((old, dict.fromkeys(texts, "")), (late, texts)):
        attempt.refresh_from_db()
        assert {name: getattr(attempt, name) for name in texts} == left


def test_a_late_copy_of_a_purged_request_still_does_nothing() -> None:
    event = order_created()
    settled(event)
    purge()
    processor.handle(message(event))
    assert not Order.objects.exists()
    assert dead_letter(event).state == "discarded"


def test_a_copy_of_a_letter_resolved_by_hand_brings_its_body_back() -> None:
    event = order_created()
    letter = settled(event, settlement.resolve)
    purge()
    dead_letter(event)
    letter.refresh_from_db()
    assert (letter.state, letter.purged_at) == ("open", None)
    assert (
        current_event.event_in(letter, current_event.current(letter).body).id
        == event.id
    )


def test_what_was_purged_cannot_be_restored() -> None:
    letter = settled()
    purge()
    letter.refresh_from_db()
    with pytest.raises(settlement.PurgedError):
        settlement.restore(letter, by="ada")


def test_the_command_counts_first_and_beat_does_it_all_the_time(
    settings: Settings,
) -> None:
    settled()
    said = StringIO()
    call_command("purge", "--dry-run", "--days", "90", stdout=said)
    assert said.getvalue() == "1 dead letters were settled 90 days ago.\n"
    call_command("purge", "--days", "300", stdout=said)
    assert said.getvalue().endswith("0 purged.\n")
    settings.RETENTION_DAYS = 0
    assert tasks.purge() == 0
    with pytest.raises(CommandError, match="Give --days"):
        call_command("purge", "--days", "0")
    settings.RETENTION_DAYS = 90
    assert tasks.purge() == 1
    call_command("purge", "--days", "90", stdout=said)
    assert said.getvalue().endswith("0 purged.\n")


@pytest.mark.parametrize(
    "days",
    ["-4", "0", "36501", "9999999", "soon", "", "1.5", "\N{ARABIC-INDIC DIGIT TWO}"],
)
def test_days_that_cannot_be_meant_are_refused_with_the_way_out(days: str) -> None:
    with pytest.raises(CommandError, match="Give --days 1 to 36500"):
        call_command("purge", f"--days={days}")


@pytest.mark.parametrize("days", ["1", "36500"])
def test_the_fewest_and_the_most_days_are_taken(days: str) -> None:
    said = StringIO()
    call_command("purge", "--dry-run", f"--days={days}", stdout=said)
    assert said.getvalue() == f"0 dead letters were settled {days} days ago.\n"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_bar_of_the_command_ends_when_all_are_purged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(3):
        settled()
    said = Terminal()
    call_command("purge", "--days=90", stdout=said)
    assert said.getvalue() == "3 purged.\n"
    assert " 100% " in capsys.readouterr().out


def test_a_command_that_is_stopped_says_how_far_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "_purge_attempts", lambda before: stop())
    for _ in range(2):
        settled()
    said = StringIO()
    call_command("purge", "--days=90", stdout=said)
    assert said.getvalue() == "Stopped.\n2 purged.\n"


def test_a_database_that_is_away_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(before: object) -> int:
        raise OperationalError("secret host name")

    monkeypatch.setattr(retention, "due", away)
    with pytest.raises(
        CommandError, match=r"DATABASE_URL or run manage.py mig"
    ) as said:
        call_command("purge", "--days=90")
    assert "secret" not in str(said.value)


def test_an_order_id_stays_and_a_name_or_an_address_goes() -> None:
    orders = [settled(order_created(order_id=f"ORD-{one}")) for one in "12"]
    signup = settled(signup_requested())
    DeadLetter.objects.filter(pk=orders[1].pk).update(reference="Ada Lovelace")
    purge()
    for letter in (*orders, signup):
        letter.refresh_from_db()
    assert [one.reference for one in (*orders, signup)] == ["ORD-1", "", ""]


def test_an_operation_that_ended_long_ago_forgets_whom_it_was_about() -> None:
    dead_letter()
    about = Selection(ids=["ada@example.com", "ORD-1"], fields=["data.name=Ada"])
    operations = []
    for state, at in (("done", LONG_AGO), ("draft", LONG_AGO), ("done", None)):
        operation = plans.freeze(Selection(), Plan(), by="ada", reason="for Ada")
        said = {"queue": "orders", "search": "Ada"}
        operation.selection = {**about.as_json(), **said}
        operation.patch = [
            {"op": "add", "path": "/data/name", "json": '"Ada"'},
            {"op": "move", "path": "/data/a", "from": "/data/b"},
        ]
        operation.state, operation.ended_at = state, at and timezone.now()
        operation.save()
        Operation.objects.filter(pk=operation.pk).update(created_at=LONG_AGO)
        if state == "done":
            Operation.objects.filter(pk=operation.pk).update(ended_at=at)
        operations.append(operation)
    for operation in (operations[0], operations[2]):
        operation.items.update(why="ada@example.com was edited")
        operation.audit.create(verb="started", actor="bob", reason="for Ada")
    purge()
    for operation in operations:
        operation.refresh_from_db()
    old, draft, kept = operations
    for operation in (old, draft):
        assert operation.selection == {
            "ids": ["a…@example.com", "ORD-1"],
            "fields": ["data.name=•••"],
            "queue": "orders",
            "search": "•••",
        }
        assert operation.patch == [
            {"op": "add", "path": "/data/name"},
            {"op": "move", "path": "/data/a", "from": "/data/b"},
        ]
        assert operation.reason == ""
        assert operation.purged_at is not None
    assert (old.state, draft.state) == ("done", "cancelled")
    # It ends in the past, so that its row goes with those that ended then.
    lately = timezone.now() - timedelta(days=89)
    assert old.ended_at == LONG_AGO
    assert draft.ended_at is not None
    assert draft.ended_at < lately
    assert not old.items.exclude(why="").exists()
    assert list(old.audit.values_list("actor", "reason")) == [("bob", "")]
    assert (kept.reason, kept.purged_at) == ("for Ada", None)
    assert (kept.audit.get().reason, kept.items.get().why) == (
        *("for Ada", "ada@example.com was edited"),
    )
    assert kept.selection["ids"] == ["ada@example.com", "ORD-1"]


@pytest.mark.parametrize(
    ("before", "after", "goes"),
    [("ended", "ended", True), ("draft", "ended", True), ("active", "active", False)],
)
def test_a_policy_that_ended_long_ago_forgets_whom_it_was_about(
    before: str, after: str, goes: bool
) -> None:
    asked = {"fields": ["data.name=Ada"], "queue": "orders"}
    found = policy(selection=asked, reason="for Ada", url="https://x.y", state=before)
    ended_at = LONG_AGO if before == "ended" else None
    RedrivePolicy.objects.update(created_at=LONG_AGO, ended_at=ended_at)
    found.audit.create(verb="policy", actor="bob", reason="for Ada")
    purge()
    found.refresh_from_db()
    assert found.state == after
    said = {found.reason, found.audit.get().reason}
    assert (said, found.purged_at is not None) == ({"" if goes else "for Ada"}, goes)
    condition = "data.name=•••" if goes else "data.name=Ada"
    assert found.selection == {"fields": [condition], "queue": "orders"}
    assert found.url == ("" if goes else "https://x.y")
    assert (found.ended_at is not None) == goes


def old_letter() -> None:
    settled()


def old_attempt() -> None:
    failed_attempt(order_created(), started_at=LONG_AGO)


def old_operation() -> None:
    Operation.objects.create(by="ada", reason="for Ada", cutoff=LONG_AGO)
    Operation.objects.update(created_at=LONG_AGO)


def old_policy() -> None:
    policy(reason="for Ada", state="draft")
    RedrivePolicy.objects.update(created_at=LONG_AGO)


@pytest.mark.parametrize(
    "make",
    [old_letter, old_attempt, old_operation, old_policy],
    ids=lambda one: one.__name__,
)
def test_there_is_something_to_purge_until_all_of_it_is(
    make: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = timezone.now() - timedelta(days=90)
    assert not retention.has_texts(before)
    for _ in range(3):
        make()
    assert retention.has_texts(before)
    monkeypatch.setattr(retention, "STEP", 1)
    told: list[int] = []
    done = retention.purge(before, progress=told.append)
    assert done == (3 if make is old_letter else 0)
    assert len(told) == 3, "it says how far it is behind each step"
    assert not retention.has_texts(before)


def test_what_a_processed_request_has_made_stays() -> None:
    event = order_created(order_id="ORD-1")
    letter = dead_letter(event)
    processor.process(event)
    settlement.reconcile()
    DeadLetter.objects.filter(pk=letter.pk).update(settled_at=LONG_AGO)
    made = Outcome.objects.get().made
    assert made["order"] == "ORD-1"
    assert purge() == 1
    assert Outcome.objects.get().made == made
