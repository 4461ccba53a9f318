"""The options of `redrive_dlq` at their limits, and of the other commands of the desk."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from dlq_review.management import operation_console
from dlq_review.management.commands import pull_dlq, redrive_dlq
from dlq_review.models import DeadLetter, Operation
from dlq_review.monitoring import stats
from dlq_review.monitoring.stats import GroupStats, QueueStats, Stats
from dlq_review.operations import control
from processing.models import User
from processing.sqs import publisher
from tests.builders import dead_letter, message, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.operation_runs import exit_of, run

pytestmark = pytest.mark.django_db
APPLY = ("--apply", "--by", "ada")


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch, django_user_model: type[User]) -> User:
    monkeypatch.setattr(operation_console, "PAUSE", 0)
    return django_user_model.objects.create(username="ada", is_superuser=True)


@pytest.mark.parametrize(
    ("option", "fewest", "most"), [("rate", 1, 500), ("stop-at", 1, 100)]
)
def test_the_least_and_the_most_are_taken(
    sqs: None, option: str, fewest: int, most: int
) -> None:
    for number in (fewest, most):
        dead_letter()
        run("--all", *APPLY, f"--{option}", str(number))
        operation = Operation.objects.latest("pk")
        assert getattr(operation, option.replace("-", "_")) == number


def test_an_operation_is_run_as_its_options_say(sqs: None) -> None:
    dead_letter()
    run("--all", *APPLY)
    run("--operation", str(Operation.objects.get().pk), "--by", "ada")
    operation = Operation.objects.get()
    told = (operation.rate, operation.canary, operation.stop_at, operation.to)
    assert told == (50, 0, 20, "")
    assert not operation.override_limit


def test_a_program_is_told_the_operation_its_rate_and_its_outcomes(sqs: None) -> None:
    dead_letter()
    told = json.loads(run("--all", *APPLY, "--json", "--rate", "40").splitlines()[-1])
    number = Operation.objects.get().pk
    assert told == {
        "operation": number,
        "state": "running",
        "rate": 40,
        "reached": None,
        "sent": 1,
    }
    Operation.objects.update(reached=35)
    again = run("--operation", str(number), "--by", "ada", "--json")
    assert json.loads(again.splitlines()[-1])["reached"] == 35


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize(
    ("halted", "exit_code"),
    [("Brake: 2 of 2 failed again.", 4), ("SQS does not take it.", 5), ("", 130)],
)
def test_why_it_paused_has_an_exit_code_also_for_a_program(
    monkeypatch: pytest.MonkeyPatch, halted: str, exit_code: int, more: tuple[str, ...]
) -> None:
    def pause(operation: Operation, *_: object, **__: object) -> None:
        control.pause(operation, halted=halted)

    dead_letter()
    monkeypatch.setattr(redrive_dlq, "drive", pause)
    code, said = exit_of("--all", *APPLY, *more)
    assert code == exit_code
    assert said.startswith(halted or "Paused by somebody else.")


def test_conditions_narrow_together(sqs: None) -> None:
    mine = dead_letter(order_created(customer_id="C-1", order_id="ORD-1"))
    dead_letter(order_created(customer_id="C-1", order_id="ORD-2"))
    dead_letter(order_created(customer_id="C-2", order_id="ORD-1"))
    fields = ("--field", "data.customer_id=C-1", "--field", "data.order_id=ORD-1")
    run(*fields, *APPLY)
    assert DeadLetter.objects.get(state="redriven") == mine
    ids = [str(one.pk) for one in DeadLetter.objects.filter(state="open")]
    run("--ids", *ids, *APPLY)
    assert not DeadLetter.objects.filter(state="open").exists()


def test_a_type_is_chosen_apart_from_its_queue(sqs: None) -> None:
    dead_letter()
    mine = dead_letter(signup_requested())
    run("--type", "signup_requested", *APPLY)
    assert DeadLetter.objects.get(state="redriven") == mine


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--all", "--restore", *APPLY, "--reason", " "), "--restore needs a --reason"),
        (("--all", "--override-limit", "--reason", " "), "--override-limit needs a"),
        (("--field", "data.(", *APPLY), "--field: "),
    ],
)
def test_an_option_that_says_nothing_is_refused(
    arguments: tuple[str, ...], said: str
) -> None:
    dead_letter()
    code, told = exit_of(*arguments)
    assert code == 1
    assert told.startswith(said)


def test_somebody_who_has_left_starts_nothing(ada: User) -> None:
    dead_letter()
    User.objects.update(is_active=False)
    assert exit_of("--all", *APPLY) == (1, "There is no active user ada.")


def test_who_may_not_see_personal_data_may_not_ask_about_it(
    client_of: ClientOf,
) -> None:
    client_of("view", "bulk_redrive", "redrive", name="bob")
    dead_letter()
    asked = ("--field", "data.email=ada@example.com", "--apply", "--by", "bob")
    code, said = exit_of(*asked)
    assert (code, said.partition(", which")[0]) == (
        1,
        "bob does not have the permission to see personal data",
    )
    assert not Operation.objects.exists()


def test_a_dry_run_names_the_most_frequent_kind_first(no_sqs: None) -> None:
    dead_letter(signup_requested())
    for _ in range(2):
        dead_letter()
    lines = run("--all").splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [
        ["2", "orders", "order_created"],
        ["1", "orders", "signup_requested"],
    ]


def test_pull_follows_the_dlqs_until_it_is_stopped(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            raise KeyboardInterrupt
        publisher.dead_letter(message(order_created()), {})

    monkeypatch.setattr(pull_dlq, "sleep", sleep)
    out = io.StringIO()
    call_command("pull_dlq", "--follow", "--pause", "7", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "1", "Stopped."]
    assert paused == [7, 7, 7]


def test_lost_requests_reads_standard_input_and_several_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("r-1"))
    (tmp_path / "ids").write_bytes(b"r-2\nr-\xff\n")
    out, told = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command(
            *("lost_requests", "-", str(tmp_path / "ids")), stdout=out, stderr=told
        )
    assert out.getvalue().split()[:2] == ["r-1", "r-2"]
    assert "accepted requests have no row" in told.getvalue()


@pytest.mark.parametrize("dlq", [None, 0, 18])
def test_each_figure_of_a_queue_and_of_a_group_stands_in_its_column(
    monkeypatch: pytest.MonkeyPatch, dlq: int | None
) -> None:
    at = timezone.now().replace(2026, 11, 20, 10, 30)
    queue = QueueStats("orders", 11, 12, at, 13, 14, 15, 16, dlq)
    none = QueueStats("signups", 0, 0, None, 0, 0, 0, 0, 0)
    group = GroupStats(21, "orders", "", "AError\x1b", "p", "regressed", 22, at)
    found = Stats(at=timezone.now(), queues=[queue, none], groups=[group])
    monkeypatch.setattr(stats, "stats", lambda *_: found)
    out = io.StringIO()
    call_command("dlq_stats", stdout=out)
    rows: list[Any] = [
        [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]
        for line in out.getvalue().splitlines()
        if "│" in line
    ]
    shown = "?" if dlq is None else str(dlq)
    oldest = "2026-11-20 10:30"
    assert rows == [
        ["orders", "11", "12", oldest, "13", "14", "15", "16", shown],
        ["signups", "0", "0", "–", "0", "0", "0", "0", "0"],
        ["21", "22", "orders", "unreadable", "AError·", "regressed", oldest],
    ]
    assert "11 open in all." in out.getvalue()
