"""Two runners of one operation, one of whom does not know that its time is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.management import operation_console
from dlq_review.models import DeadLetter, Operation
from dlq_review.operations import control, leases, plans, recording, runner, steps
from dlq_review.operations.pace import Pace
from dlq_review.operations.plans import Plan
from dlq_review.redrive import claims, sender
from dlq_review.search.selections import Selection
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from tests.builders import dead_letter
from tests.dlq_review.operation_runs import exit_of, run, started, states

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, django_user_model: Any) -> None:
    monkeypatch.setattr(operation_console, "PAUSE", 0)
    django_user_model.objects.create(username="ada", is_superuser=True)


def let_it_run_out() -> None:
    Operation.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


def hang(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """The first to send hangs before SQS hears of it, while *meanwhile* goes on."""
    publish = publisher.publish_many
    hanging = [meanwhile]

    def publish_late(*args: Any) -> list[Sent]:
        if hanging:
            hanging.pop()()
        return publish(*args)

    monkeypatch.setattr(publisher, "publish_many", publish_late)


def test_a_runner_that_hung_until_another_took_over_writes_nothing(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(3)
    other = Operation.objects.get()

    def another_takes_over() -> None:
        let_it_run_out()
        assert runner.run(other, seconds=9)
        assert states(operation) == {"waiting": 1, "sent": 2}

    hang(monkeypatch, another_takes_over)
    assert runner.run(operation, seconds=9)
    assert "skipped" not in states(operation)
    assert runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 3}
    assert len(queues.receive("orders")) == 3


def test_what_another_runner_took_meanwhile_is_not_called_skipped(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(2)
    take = sender.redrive_many
    letter = DeadLetter.objects.earliest("pk")

    def after_another(chosen: Any, terms: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(sender, "redrive_many", take)
            claims.claim(letter, by="ada", reason="", operation=operation.pk)
        monkeypatch.setattr(sender, "redrive_many", take)
        return take(chosen, terms)

    monkeypatch.setattr(sender, "redrive_many", after_another)
    runner.run(operation, seconds=9)
    assert states(operation) == {"waiting": 1, "sent": 1}
    DeadLetter.objects.filter(state="claimed").update(
        claimed_at=timezone.now() - timedelta(minutes=5)
    )
    sender.resend_claimed()
    runner.run(operation, seconds=9)
    assert states(operation) == {"sent": 2}


def test_what_a_dead_runner_took_and_nobody_could_send_is_not_called_sent(
    sqs: None,
) -> None:
    operation = started(1)
    letter = DeadLetter.objects.get()
    claims.claim(letter, by="ada", reason="", operation=operation.pk)
    letter.revisions.update(body="of a contract that was changed")
    DeadLetter.objects.update(claimed_at=timezone.now() - timedelta(minutes=5))
    assert sender.resend_claimed() == 0
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 1}
    assert "not a valid event" in operation.items.get().why


@pytest.mark.parametrize(
    ("kind", "done"), [("discard", "discarded"), ("restore", "restored")]
)
def test_a_step_ends_where_its_operation_was_paused(
    kind: str, done: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = plans.freeze(_some(kind), Plan(kind=kind), by="ada")
    control.start(operation, by="ada")
    lease = leases.take(operation)
    assert lease is not None
    write = recording.write

    def write_and_pause(*written: Any) -> None:
        write(*written)
        control.pause(Operation.objects.get(), by="bob")

    monkeypatch.setattr(recording, "write", write_and_pause)
    for item in operation.items.all():  # two steps, of a set each
        steps.WORK[Operation.Kind(kind)](operation, lease, [item])
    assert states(operation) == {done: 1, "waiting": 1}


@pytest.mark.parametrize("kind", ["discard", "restore"])
def test_who_lost_the_lease_changes_no_letter_either(kind: str) -> None:
    operation = plans.freeze(_some(kind), Plan(kind=kind), by="ada")
    control.start(operation, by="ada")
    lease = leases.take(operation)
    assert lease is not None
    let_it_run_out()
    assert leases.take(operation) is not None
    items = list(operation.items.all())
    with pytest.raises(leases.LeaseLostError):
        steps.WORK[Operation.Kind(kind)](operation, lease, items)
    assert states(operation) == {"waiting": 2}
    before = "open" if kind == "discard" else "discarded"
    assert DeadLetter.objects.filter(state=before).count() == 2


def _some(kind: str) -> Selection:
    for _ in range(2):
        letter = dead_letter()
        if kind == "restore":
            DeadLetter.objects.filter(pk=letter.pk).update(state="discarded")
    return Selection(discarded=kind == "restore")


@pytest.mark.parametrize("lose", [let_it_run_out, None])
def test_a_lease_is_renewed_by_its_owner_alone_and_while_it_runs(
    lose: Callable[[], None] | None,
) -> None:
    operation = started(1)
    lease = leases.take(operation)
    assert lease is not None
    lease.renew()
    if lose is not None:
        lose()
        assert leases.take(operation) is not None
    else:
        control.pause(operation, by="bob")
    with pytest.raises(leases.LeaseLostError):
        lease.renew()


def test_a_runner_that_ends_late_leaves_the_lease_of_another(sqs: None) -> None:
    operation = started(1)
    late = leases.take(operation)
    let_it_run_out()
    other = leases.take(operation)
    assert late is not None
    assert other is not None
    late.give_back()
    assert leases.take(operation) is None
    other.give_back()
    assert leases.take(operation) is not None


def test_after_a_kill_the_command_says_who_holds_it_and_waits(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(2)
    assert leases.take(operation) is not None  # and its process is killed
    Operation.objects.update(lease_holder="worker-7, process 4711")
    monkeypatch.setattr(operation_console, "PATIENCE", 0)
    looked: list[str] = []

    def until_it_runs_out(seconds: float) -> None:
        looked.append(Operation.objects.get().state)
        if len(looked) == 5:
            let_it_run_out()

    monkeypatch.setattr(operation_console, "sleep", until_it_runs_out)
    text = run("--operation", str(operation.pk), "--by", "ada")
    assert "2 sent" in text
    assert text.count("is held by worker-7, process 4711 until") == 1
    assert looked == ["running"] * 5


def test_the_command_names_the_queue_that_takes_nothing(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_console, "PATIENCE", 0)
    dead_letter()
    code, said = exit_of("--all", "--apply", "--by", "ada")
    assert code == 5
    assert said.startswith("SQS does not take the messages for orders (")


def test_what_was_sent_and_not_written_down_is_not_called_cancelled(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = started(2)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            runner.run(operation, seconds=9)
    control.cancel(operation, by="ada")
    assert states(operation) == {"sent": 1, "skipped": 1}


@pytest.mark.parametrize(("seconds", "held"), [(None, False), (-1, False), (9, True)])
def test_an_operation_is_held_until_its_lease_runs_out(
    seconds: int | None, held: bool
) -> None:
    operation = started(1)
    if seconds is not None:
        operation.leased_until = timezone.now() + timedelta(seconds=seconds)
    assert operation.held_until == (operation.leased_until if held else None)


def test_who_waits_for_anothers_run_catches_up_with_nothing() -> None:
    operation = started(1)
    assert leases.take(operation) is not None  # by the other
    pace = Pace(10)
    pace.took(100)
    assert not runner.run(operation, seconds=0, pace=pace)
    assert pace.wait() == 0
