import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from dlq_review.management import dry_run, operation_console
from dlq_review.models import AuditEntry, DeadLetter, Operation
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.search import selections
from dlq_review.search.selections import Selection
from processing.models import User
from processing.sqs import publisher, queues
from processing.sqs.batches import Sent
from tests.builders import dead_letter, failure, message, order_created
from tests.dlq_review.desk_pages import LIST, html

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def ada(django_user_model: type[User]) -> User:
    return django_user_model.objects.create(username="ada", is_superuser=True)


def test_pull_once_empties_the_dlqs_and_stops(sqs: None) -> None:
    for _ in range(12):
        publisher.dead_letter(message(order_created()), {})
    assert "12 stored" in run("pull_dlq", "--once")
    assert DeadLetter.objects.count() == 12


def test_pull_can_be_told_one_queue(sqs: None) -> None:
    publisher.dead_letter(message(order_created()), {})
    assert "0 stored" in run("pull_dlq", "--once", "--queue", "emails")


def test_redrive_shows_what_it_would_do_and_does_nothing(no_sqs: None) -> None:
    for _ in range(3):
        dead_letter(attributes=failure())
    for limit, total in ((), 3), (("--limit", "2"), 2), (("--limit", "9"), 3):
        text = run("redrive_dlq", "--all", *limit)
        assert re.search(r"^ +3  .*OrderExistsError", text, re.MULTILINE)
        assert f" {total}  would be sent; nothing was sent." in text
        told = json.loads(run("redrive_dlq", "--all", *limit, "--json"))
        assert (told["would_send"], told["kinds"][0]["count"]) == (total, 3)
    assert {one.state for one in DeadLetter.objects.all()} == {"open"}


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (("orders", "order_created", "AError"), "orders  order_created  AError"),
        (("orders", "", "AError"), "orders  unreadable  AError"),
    ],
)
def test_a_kind_of_letters_is_one_line(kind: tuple[str, str, str], read: str) -> None:
    assert str(dry_run.LetterKind(*kind)) == read


@pytest.mark.parametrize(
    "which",
    [
        ("--all",),
        ("--queue", "orders"),
        ("--type", "order_created"),
        ("--error", "OrderExistsError"),
        ("--ids", "ORD-1"),
        ("--ids", "request-1"),
        ("--since", "1h", "--limit", "5"),
    ],
)
def test_redrive_sends_what_is_selected(
    sqs: None, ada: User, which: tuple[str, ...]
) -> None:
    event = order_created(id="request-1", order_id="ORD-1")
    now = timezone.now().isoformat()
    dead_letter(event, attributes=failure(failed_at=now))
    text = run("redrive_dlq", *which, "--apply", "--by", "ada", "--reason", "fixed")
    assert "1 sent" in text
    entry = DeadLetter.objects.get().audit.get(verb="claimed")
    assert entry.actor == "ada"
    assert entry.reason.endswith("fixed")


def test_since_asks_for_the_last_failure_and_not_for_the_first(desk: Client) -> None:
    failing, over = dead_letter(), dead_letter()
    long_ago = timezone.now() - timedelta(days=2)
    DeadLetter.objects.update(first_failed_at=long_ago)
    DeadLetter.objects.filter(pk=over.pk).update(last_failed_at=long_ago)
    found = Selection(since=selections.since("1h")).candidates()
    assert list(found) == [failing]
    listed = html(desk, f"{LIST}?since=1h")
    assert [str(one) in listed for one in (failing, over)] == [True, False]


def test_redrive_stops_at_its_limit(sqs: None, ada: User) -> None:
    for _ in range(3):
        dead_letter()
    run("redrive_dlq", "--all", "--limit", "2", "--apply", "--by", "ada")
    assert DeadLetter.objects.filter(state="redriven").count() == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 1),
        (("--all", "--limit", "0"), 1),
        (("--all", "--rate", "501"), 1),
        (("--all", "--rate", "0"), 1),
        (("--all", "--canary", "-1"), 1),
        (("--all", "--stop-at", "0"), 1),
        (("--all", "--stop-at", "101"), 1),
        (("--group", "99"), 2),
        (("--operation", "99", "--by", "ada"), 1),
        (("--ids", "nothing", "--apply", "--by", "ada"), 2),
        (("--ids", "nothing"), 2),
        (("--all", "--apply"), 1),
        (("--all", "--apply", "--by", "nobody"), 1),
        (("--all", "--apply", "--by", "powerless"), 1),
    ],
)
def test_a_wrong_call_is_refused_with_its_exit_code(
    ada: User, arguments: tuple[str, ...], code: int
) -> None:
    dead_letter()
    User.objects.create(username="powerless", email="p@example.com")
    with pytest.raises(CommandError) as caught:
        run("redrive_dlq", *arguments)
    assert caught.value.returncode == code
    assert DeadLetter.objects.get().state == "open"


def test_refusals_have_an_exit_code_of_their_own(sqs: None, ada: User) -> None:
    dead_letter("no event")
    dead_letter()
    with pytest.raises(CommandError) as caught:
        run("redrive_dlq", "--all", "--apply", "--by", "ada")
    assert caught.value.returncode == 3
    assert DeadLetter.objects.filter(state="redriven").count() == 1


def test_a_dead_sqs_has_an_exit_code_of_its_own_and_can_be_resumed(
    ada: User, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_console, "PATIENCE", 0)
    dead_letter()
    with pytest.raises(CommandError) as caught:
        run("redrive_dlq", "--all", "--apply", "--by", "ada")
    assert caught.value.returncode == 5
    assert DeadLetter.objects.get().state == "open"
    assert Operation.objects.get().state == "paused"


def test_a_paused_operation_is_resumed_by_its_number(sqs: None, ada: User) -> None:
    dead_letter()
    operation = plans.freeze(Selection(), Plan(rate=500), by="ada")
    control.start(operation, by="ada")
    control.pause(operation, by="ada")
    text = run("redrive_dlq", "--operation", str(operation.pk), "--by", "ada", "--json")
    assert '"sent": 1' in text


def test_ctrl_c_pauses(sqs: None, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupt)
    dead_letter()
    with pytest.raises(CommandError) as caught:
        run("redrive_dlq", "--all", "--apply", "--by", "ada")
    assert caught.value.returncode == 130
    assert Operation.objects.get().state == "paused"


def test_waiting_ends_with_the_outcome_and_the_brake_has_its_exit_code(
    sqs: None, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        dead_letter()
    publish = publisher.publish_many

    def publish_and_fail(*args: Any) -> list[Sent]:
        """A worker that refuses at once what was published."""
        sent = publish(*args)
        for delivery in queues.receive("orders"):
            publisher.dead_letter(delivery, {"error_type": "StillBroken"})
            queues.delete("orders", [delivery.receipt_handle])
        return sent

    monkeypatch.setattr(publisher, "publish_many", publish_and_fail)
    with pytest.raises(CommandError) as caught:
        run("redrive_dlq", "--all", "--apply", "--by", "ada", "--wait")
    assert caught.value.returncode == 4
    assert all(letter.failed_again for letter in DeadLetter.objects.all())


@pytest.mark.parametrize(
    ("condition", "asked"),
    [("data.email=ada@example.com", ["data.email"]), ("data.order_id=ORD-1", [])],
)
def test_a_redrive_that_asks_about_personal_data_is_on_record(
    ada: User, sqs: None, condition: str, asked: list[str]
) -> None:
    dead_letter(order_created(order_id="ORD-1"))
    run("redrive_dlq", "--field", condition, "--apply", "--by", "ada")
    looked = AuditEntry.objects.filter(verb="revealed")
    assert [(one.actor, one.reason) for one in looked] == [
        ("ada", f"redrive_dlq, which asks about {name}") for name in asked
    ]
