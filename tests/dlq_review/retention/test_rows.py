"""Every table has a retention, and nothing goes before it is safe."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.groups import counter_drift
from dlq_review.letters import retention, settlement
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureGroup,
    Operation,
    OperationItem,
    Revision,
)
from dlq_review.monitoring import books
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.retention import periods, rows
from dlq_review.retention.tables import RULES, TEXTS, Purged, With
from dlq_review.search.selections import Selection
from processing.delivery import processor, spool
from processing.models import (
    Attempt,
    Order,
    Outcome,
    Repair,
    Signup,
    SpooledEvent,
    User,
)
from project import beat
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    signup_requested,
)
from tests.dlq_review.retention.old_rows import MAKE, aged

pytestmark = pytest.mark.django_db
PURGED = {name: rule for name, rule in RULES.items() if isinstance(rule, Purged)}
ALL = [
    model._meta.label
    for model in apps.get_models(include_auto_created=True)
    if not model._meta.proxy
]


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "REST", 0)


def ago(label: str, more: timedelta) -> datetime:
    length = PURGED[label].period.length()
    assert length is not None
    return timezone.now() - length - more


def is_there(row: Model) -> bool:
    return type(row)._base_manager.filter(pk=row.pk).exists()


def go_with(label: str) -> dict[str, int]:
    """How many rows the tables hold that go with *label*."""
    return {
        name: apps.get_model(name)._base_manager.count()
        for name, rule in RULES.items()
        if isinstance(rule, With) and label in rule.tables
    }


@pytest.mark.parametrize("label", ALL)
def test_every_table_has_a_retention(label: str) -> None:
    assert label in RULES, (
        f"Say in dlq_review/retention/tables.py how long {label} stays"
    )


def test_no_table_is_named_that_there_is_not() -> None:
    named = {
        one for rule in RULES.values() if isinstance(rule, With) for one in rule.tables
    }
    assert {*RULES, *TEXTS, *named} <= {*ALL}
    assert {*MAKE} == {*PURGED}


@pytest.mark.parametrize("label", PURGED)
def test_old_rows_go_and_younger_ones_stay(label: str) -> None:
    minute = timedelta(minutes=1)
    assert not any(rows.due())
    old = MAKE[label](ago(label, minute))
    its = go_with(label)
    young = MAKE[label](ago(label, -minute))
    both = go_with(label)
    assert label in rows.due()
    assert beat.has_something_to_purge()
    assert rows.purge()[label]
    assert (is_there(young), is_there(old)) == (True, False)
    assert go_with(label) == {name: both[name] - its[name] for name in its}
    assert label not in rows.due()


#: What keeps a row of a table, however old it is.
STAYS: list[tuple[str, dict[str, object]]] = [
    ("dlq_review.DeadLetter", {"state": "open"}),
    ("dlq_review.DeadLetter", {"state": "quarantined"}),
    ("dlq_review.DeadLetter", {"state": "claimed"}),
    ("dlq_review.DeadLetter", {"state": "redriven"}),
    ("dlq_review.Operation", {"state": "paused", "ended_at": None}),
    ("dlq_review.RedrivePolicy", {"state": "stopped", "ended_at": None}),
    ("dlq_review.FailureGroup", {"last_seen": timezone.now()}),
    ("dlq_review.RaisedAlert", {"kind": "growth", "over_at": None}),
    ("dlq_review.AlertDelivery", {"state": "waiting"}),
    ("processing.User", {"is_active": True}),
    ("processing.User", {"is_staff": True}),
    ("processing.User", {"request_id": None}),
    ("processing.User", {"last_login": "2020-01-01T00:00Z"}),
    ("processing.User", {"verified_at": "2020-01-01T00:00Z"}),
    ("processing.Order", {"customer_id": "C-1"}),
    ("processing.Order", {"email": "visitor-1@example.org"}),
    ("processing.Order", {"email": "ada@example.com"}),
]


@pytest.mark.parametrize(("label", "changes"), STAYS)
def test_a_row_that_is_not_over_stays_however_old(
    label: str, changes: dict[str, object]
) -> None:
    old = aged(MAKE[label](ago(label, timedelta(days=1))), **changes)  # type: ignore[arg-type]
    assert label not in rows.due()
    rows.purge()
    assert is_there(old)


@pytest.mark.parametrize("about", ["letter", "operation", "policy"])
def test_an_entry_of_the_trail_stays_as_long_as_what_it_is_about(about: str) -> None:
    label = "dlq_review.AuditEntry"
    of = {"letter": "DeadLetter", "operation": "Operation", "policy": "RedrivePolicy"}
    whole = MAKE[f"dlq_review.{of[about]}"](timezone.now())
    old = MAKE[label](ago(label, timedelta(days=1)))
    aged(old, **{about: whole})  # type: ignore[arg-type]
    rows.purge()
    assert is_there(old)


@pytest.mark.parametrize("label", PURGED)
def test_more_rows_than_one_step_go_in_several(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sweeps", "letters"):
        monkeypatch.setattr(f"dlq_review.retention.{module}.STEP", 2)
    steps: list[int] = []
    for _ in range(3):
        MAKE[label](ago(label, timedelta(days=1)))
    purged = rows.purge(
        progress=lambda name, done: steps.append(done) if name == label else None
    )
    assert len(steps) > 1
    assert steps == sorted({*steps})
    assert steps[-1] == purged[label] >= 3
    assert label not in rows.due()


@pytest.mark.parametrize("label", PURGED)
def test_a_setting_of_0_keeps_all_rows(label: str, settings: Settings) -> None:
    period = PURGED[label].period
    if period not in periods.OF_DAYS:
        pytest.skip("its period is fixed")
    old = MAKE[label](timezone.now() - timedelta(days=9_000))
    setattr(settings, period.setting, 0)
    rows.purge()
    assert is_there(old)


def test_a_letter_goes_whole_and_the_books_balance(sqs: None) -> None:
    for _ in range(2):
        MAKE["dlq_review.DeadLetter"](ago("dlq_review.DeadLetter", timedelta(days=1)))
    left = dead_letter()
    rows.purge()
    for model in (Arrival, Revision, AuditEntry, Attempt, Outcome):
        found = model.objects.count()
        assert found == (0 if model in (Attempt, Outcome) else 1), model
    assert FailureGroup.objects.get().waiting == 1
    assert left in DeadLetter.objects.all()
    assert counter_drift.drifts() == []
    assert books.close().balanced


def test_attempts_of_a_letter_without_an_outcome_go_with_it() -> None:
    event = order_created()
    failed_attempt(event)
    letter = dead_letter(event)
    Repair.objects.create(request_id=event.id, asked="a", became="b")
    settlement.resolve(letter, by="ada", reason="x")
    aged(letter, settled_at=ago("dlq_review.DeadLetter", timedelta(days=1)))
    rows.purge()
    assert not Attempt.objects.exists()
    assert not Repair.objects.exists()


@pytest.mark.parametrize("left", ["outcome", "letter"])
def test_attempts_of_a_deleted_letter_stay_with_what_is_left_of_its_request(
    left: str,
) -> None:
    event = order_created()
    failed_attempt(event)
    letter = dead_letter(event)
    settlement.resolve(letter, by="ada", reason="x")
    if left == "letter":
        dead_letter(event, queue="emails-dlq")
    else:
        processor.process(event)
    aged(letter, settled_at=ago("dlq_review.DeadLetter", timedelta(days=1)))
    rows.purge()
    assert not is_there(letter)
    assert Attempt.objects.exists()


def test_an_outcome_outlives_its_letters() -> None:
    event = order_created()
    letter = dead_letter(event)
    settlement.discard(letter, by="ada", reason="x")
    long_ago = ago("processing.Outcome", timedelta(days=9))
    Outcome.objects.update(at=long_ago)
    rows.purge()
    assert Outcome.objects.exists()
    processor.handle(message(event))
    assert not Order.objects.exists()
    aged(letter, settled_at=long_ago)
    rows.purge()
    assert not Outcome.objects.exists()


def test_an_outcome_outlives_a_copy_in_the_spool_and_its_follow_ups() -> None:
    copied, cause = order_created(), order_created()
    for event in (copied, cause):
        processor.process(event)
    spool.add(copied, "SQS did not answer")
    spool.record([signup_requested()], cause=cause.id)
    Outcome.objects.update(at=ago("processing.Outcome", timedelta(days=9)))
    rows.purge()
    assert Outcome.objects.count() == 2


def test_a_copy_that_waited_long_in_the_spool_renews_its_claim(sqs: None) -> None:
    event = order_created()
    processor.process(event)
    spool.add(event, "SQS did not answer")
    long_ago = ago("processing.Outcome", timedelta(days=9))
    Outcome.objects.update(at=long_ago)
    row = SpooledEvent.objects.get()
    aged(row, created_at=long_ago)
    assert spool.relay() == 1
    rows.purge()
    assert Outcome.objects.filter(pk=event.id).exists()


def test_an_attempt_of_a_request_that_is_unaccounted_for_stays() -> None:
    failed_attempt(order_created(), started_at=ago("processing.Outcome", timedelta(9)))
    rows.purge()
    assert Attempt.objects.exists()


def test_letters_on_the_list_of_an_operation_that_may_go_on_stay() -> None:
    letter = dead_letter()
    operation = plans.freeze(Selection(), Plan(), by="ada", reason="x")
    settlement.discard(letter, by="ada", reason="x")
    aged(letter, settled_at=ago("dlq_review.DeadLetter", timedelta(days=1)))
    rows.purge()
    assert is_there(letter)
    Operation.objects.filter(pk=operation.pk).update(state=Operation.State.CANCELLED)
    rows.purge()
    assert not is_there(letter)


def test_items_go_with_their_operation_and_an_edit_after_its_undo() -> None:
    label = "dlq_review.Operation"
    edit = MAKE[label](ago(label, timedelta(days=2)))
    undo = MAKE[label](ago(label, timedelta(days=-1)))
    aged(undo, undoes=edit)  # type: ignore[arg-type]
    rows.purge()
    assert is_there(edit)
    aged(undo, ended_at=ago(label, timedelta(days=1)))
    rows.purge()
    assert not Operation.objects.exists()
    assert not OperationItem.objects.exists()
    assert not AuditEntry.objects.exclude(operation=None).exists()


def test_an_account_that_is_open_or_asked_for_again_or_staff_stays() -> None:
    label = "processing.User"
    long_ago = ago(label, timedelta(days=9))
    opened, again, staff, waits = (MAKE[label](long_ago) for _ in range(4))
    aged(opened, verified_at=long_ago)
    aged(staff, is_staff=True)  # type: ignore[arg-type]
    Signup.objects.filter(account__pk=again.pk).update(asked_at=timezone.now())
    dead_letter(signup_requested(email=User.objects.get(pk=waits.pk).email))
    rows.purge()
    assert User.objects.count() == 4


def test_a_real_order_stays_whatever_its_age() -> None:
    for changes in ({"customer_id": "VISITOR-1"}, {"email": "visitor-1@example.com"}):
        processor.process(order_created(**changes))
    Order.objects.update(created_at=ago("processing.Order", timedelta(days=9_000)))
    rows.purge()
    assert Order.objects.count() == 2


def test_the_job_deletes_rows_and_the_command_says_how_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    label = "sessions.Session"
    MAKE[label](ago(label, timedelta(days=1)))
    said = StringIO()
    call_command("purge", "--dry-run", stdout=said)
    assert "sessions.Session holds rows to delete." in said.getvalue()
    caplog.set_level("INFO")
    assert tasks.purge() == 1
    assert "table=sessions.Session purged=1" in caplog.messages
    MAKE[label](ago(label, timedelta(days=1)))
    call_command("purge", stdout=said)
    assert "1 rows of sessions.Session deleted." in said.getvalue()


def test_the_command_deletes_rows_also_where_letters_keep_their_bodies(
    settings: Settings,
) -> None:
    label = "processing.User"
    old = MAKE[label](ago(label, timedelta(days=1)))
    settings.RETENTION_DAYS = settings.HISTORY_DAYS = 0
    said = StringIO()
    call_command("purge", "--dry-run", stdout=said)
    assert f"{label} holds rows to delete." in said.getvalue()
    assert is_there(old)
    call_command("purge", stdout=said)
    assert "RETENTION_DAYS is 0: letters keep their bodies." in said.getvalue()
    assert not is_there(old)


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_purge_of_nothing_reads_no_long_table() -> None:
    now = timezone.now()
    found = (
        retention._written_attempts(now).order_by("started_at")[:1],
        RULES["processing.Outcome"].sweep.old(now).order_by("at")[:1],  # type: ignore[union-attr]
        RULES["dlq_review.DeadLetter"].sweep.old(now).order_by("settled_at")[:1],  # type: ignore[union-attr]
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    for query, index in zip(
        found, ("attempt_texts", "outcome_by_age", "letter_by_age"), strict=True
    ):
        assert index in query.explain()


def test_each_kind_of_row_goes_after_the_days_that_operators_set_for_it() -> None:
    by_setting = {
        "RETENTION_DAYS": {
            "axes.AccessAttempt",
            "axes.AccessFailureLog",
            "axes.AccessLog",
        },
        "UNVERIFIED_DAYS": {"processing.User", "processing.Signup"},
        "SESSION_COOKIE_AGE": {"sessions.Session"},
        "": {"processing.Order", "processing.QueueRecord", "processing.WorkerSign"},
    }
    apart = {label: name for name, labels in by_setting.items() for label in labels}
    assert {label: rule.period.setting for label, rule in PURGED.items()} == {
        label: apart.get(label, "HISTORY_DAYS") for label in PURGED
    }
