"""`manage.py dlq_stats`: the figures of the overview, by queue."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter
from dlq_review.monitoring import stats
from processing.sqs import publisher
from tests.builders import dead_letter, failure, message, order_created, redrive_now

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("dlq_stats", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def figures(queue: str = "orders") -> dict[str, Any]:
    told = json.loads(run("--json"))
    found: dict[str, Any] = next(one for one in told["queues"] if one["name"] == queue)
    return found


def test_each_queue_has_its_figures(sqs: None) -> None:
    now = timezone.now()
    dead_letter(attributes=failure(failed_at=now.isoformat()))
    soon, later, redriven, *settled = (dead_letter() for _ in "abcde")
    DeadLetter.objects.filter(pk=soon.pk).update(
        expires_at=now + timedelta(hours=23.9), first_failed_at=now - timedelta(days=9)
    )
    DeadLetter.objects.filter(pk=later.pk).update(
        expires_at=now + timedelta(hours=71.9)
    )
    redrive_now(redriven, by="ada")
    DeadLetter.objects.filter(pk=redriven.pk).update(
        redriven_at=now - timedelta(days=1)
    )
    for letter in settled:
        settlement.resolve(letter, by="ada", reason="x")
        publisher.dead_letter(message(order_created()), {})
    found = figures()
    assert found["oldest"].startswith(f"{now - timedelta(days=9):%Y-%m-%dT%H:%M}")
    del found["oldest"]
    assert found == {
        "name": "orders",
        "open": 3,
        "failing_now": 6,
        "expiring_24h": 1,
        "expiring_72h": 2,
        "redriven": 1,
        "overdue": 1,
        "dlq": 2,
    }
    assert figures("emails")["open"] == 0


def test_what_fails_most_stands_first_ten_at_most(no_sqs: None) -> None:
    for number in range(12):
        dead_letter(attributes=failure(error_type=f"Error{'ABCDEFGHIJKL'[number]}"))
    dead_letter(attributes=failure(error_type="ErrorK"))
    told = json.loads(run("--json"))
    assert [one["error"] for one in told["groups"]][0] == "ErrorK"
    assert len(told["groups"]) == 10
    assert told["open"] == 13


def test_the_table_can_be_read_without_sqs(no_sqs: None) -> None:
    dead_letter(attributes=failure(error_type="[red]Bad\x1b[2J"))
    text = run()
    assert "[red]Bad·[2J" in text
    assert "\x1b" not in text
    assert "1 open in all." in text
    assert "?" in text
    for name in ("failed 2 h", "SQS 24 h", "SQS 72 h"):
        assert name in text


def test_one_queue_can_be_asked_for(no_sqs: None) -> None:
    dead_letter()
    assert "0 open in all." in run("--queue", "emails", "--fail-over", "0")


@pytest.mark.parametrize(("most", "fails"), [("2", False), ("1", True), ("0", True)])
def test_more_than_allowed_has_an_exit_code(
    no_sqs: None, most: str, fails: bool
) -> None:
    dead_letter(), dead_letter()
    if not fails:
        run("--fail-over", most)
        return
    with pytest.raises(SystemExit) as caught:
        run("--fail-over", most)
    assert caught.value.code == 1


def test_a_database_that_is_away_has_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(stats, "stats", away)
    with pytest.raises(CommandError, match="does not answer") as caught:
        run()
    assert caught.value.returncode == 2


def test_it_costs_the_same_for_many_letters(
    no_sqs: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        dead_letter()
    with django_assert_max_num_queries(6):
        run()
