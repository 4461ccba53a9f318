"""`manage.py costs` counts what it can here, and says what it took from elsewhere."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from processing.models import Order, Outcome
from project.costs import rows
from tests.builders import failed_attempt, order_created

pytestmark = pytest.mark.django_db


def costs(*options: str) -> str:
    out = StringIO()
    call_command("costs", "--orders", "1000000", *options, stdout=out)
    return " ".join(out.getvalue().split())


def traffic(*options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(costs("--json", *options))["traffic"]
    return found


def processed(number: int, at: datetime) -> None:
    events = [order_created() for _ in range(number)]
    with time_machine.travel(at, tick=False):
        Outcome.objects.bulk_create(
            Outcome(
                request_id=event.id,
                kind="processed",
                type=event.type,
                fingerprint=event.fingerprint,
                correlation_id=event.id,
            )
            for event in events
        )


def minute(ago: int) -> datetime:
    return timezone.now().replace(second=0) - timedelta(minutes=ago)


def test_orders_are_taken_as_they_came_here_by_the_rate_of_their_minute() -> None:
    processed(600, minute(5))  # 10 a second
    for number in range(10):
        processed(60, minute(10 + number))  # 1 a second
    processed(9_000, minute(60 * 24 * 8))  # too long ago
    for _ in range(12):
        failed_attempt(order_created(), type="order_created")
    long_ago = minute(60 * 24 * 8)
    failed_attempt(order_created(), type="order_created", started_at=long_ago)
    failed_attempt(order_created(), type="order_updated")
    Outcome.objects.create(request_id="r", kind="processed", type="order_updated")
    found = traffic()
    assert found["mix"] == {"trickle": 0.5, "steady": 0.5, "burst": 0.0}
    assert found["failures"] == pytest.approx(0.01)
    assert (found["mix_from"], found["failures_from"]) == ("counted here",) * 2
    told = costs()
    assert (
        "Counted here: 1,200 orders in 7 days come as 50% trickle, 50% steady." in told
    )
    assert "Counted here: 0.0100 failed attempts an order." in told


def test_a_pattern_that_was_asked_for_wins_over_what_was_counted() -> None:
    processed(rows.ENOUGH, minute(5))
    assert traffic()["mix_from"] == "counted here", "just enough"
    found = traffic("--pattern", "burst")
    assert (found["mix"], found["mix_from"]) == ({"burst": 1.0}, "assumed")


def test_too_few_orders_are_not_taken_for_an_average() -> None:
    processed(rows.ENOUGH - 1, minute(5))
    failed_attempt(order_created(), type="order_created")
    found = traffic()
    assert (found["failures"], found["failures_from"]) == (0, "assumed")
    assert (found["mix"], found["mix_from"]) == ({"trickle": 1.0}, "assumed")
    told = costs()
    assert "Too few to count: 999 orders in 7 days, 1,000 are needed." in told
    assert "Choose with --pattern." in told
    assert "By the benchmark: 1,250 bytes of tables an order." in told


def test_it_shows_both_bills_with_their_sums() -> None:
    told = costs("--pattern", "steady", "--lambda-ms", "300")
    assert told.count("in all") == told.count("each million orders") == 2
    assert "Holdfast costs less from about" in told
    assert "Assumed: 300 ms an order in Lambda" in told
    bills = json.loads(costs("--json", "--pattern", "steady"))["bills"]
    for bill in bills.values():
        lines = sum(one["dollars"] for one in bill["lines"])
        assert bill["dollars"] == pytest.approx(lines)
        assert 0 < bill["dollars_without_orders"] < bill["dollars"]


def test_more_orders_than_a_small_database_takes_are_said() -> None:
    told = costs("--orders", "1000000000")
    assert "381 orders a second on average, too many for the database" in told


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL knows sizes")
def test_the_bytes_of_an_order_are_counted_from_the_tables() -> None:
    assert rows.bytes_of_an_order() is None
    now = timezone.now()
    Order.objects.bulk_create(
        Order(
            order_id=f"ORD-{number}",
            customer_id="C-1",
            currency="EUR",
            total=1,
            status_changed_at=now,
            request_id=f"r-{number}",
        )
        for number in range(rows.ENOUGH)
    )
    found = rows.bytes_of_an_order()
    sizes = 0  # with what the tests before this one left behind
    with connection.cursor() as cursor:
        for name in ("outcome", "order", "orderitem"):
            table = f"processing_{name}"
            cursor.execute(
                "SELECT pg_table_size(%s) + pg_indexes_size(%s)", [table] * 2
            )
            sizes += cursor.fetchone()[0]
    assert found == sizes / rows.ENOUGH
    assert found > 100
    assert traffic()["table_bytes"] == found


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--orders", "0"), "'0' is no number of orders. Give a whole number from 1"),
        (("--orders", "-5"), "'-5' is no number of orders"),
        (("--orders", "1e6"), "'1e6' is no number of orders"),
        (("--orders", "10000000001"), "to 10,000,000,000, such as 1000000"),
        (("--orders", "\N{SUPERSCRIPT TWO}"), "is no number of orders"),
        (("--orders", "\N{ARABIC-INDIC DIGIT TWO}"), "is no number of orders"),
        (("--lambda-ms", "0"), "'0' is no time. Give 1 to 900000 milliseconds."),
        (("--lambda-ms", "nan"), "'nan' is no time"),
        (("--lambda-ms", "soon"), "'soon' is no time"),
        (("--pattern", "spike"), "invalid choice: 'spike'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_way_out(
    option: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(CommandError) as refused:
        costs("=".join(option))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "option",
    ["--orders=1", "--orders=10,000,000,000", "--orders=1_000", "--lambda-ms=1", "--lambda-ms=900000"],
)  # fmt: skip
def test_the_least_and_the_most_are_taken(option: str) -> None:
    name, _, number = option.removeprefix("--").partition("=")
    found = json.loads(costs("--json", option))
    assert found["traffic"]["orders"] == (
        int(number.replace(",", "")) if name == "orders" else 1_000_000
    )


def test_a_program_reads_json_and_nothing_else() -> None:
    assert costs("--json").startswith("{")
    assert costs("--json").endswith("}")


@pytest.mark.parametrize(
    ("in_a_minute", "pattern"),
    [(599, "trickle"), (600, "steady"), (5_999, "steady"), (6_000, "burst")],
)
def test_a_minute_has_the_pattern_of_its_orders_a_second(
    in_a_minute: int, pattern: str
) -> None:
    counted = rows.Counted(in_a_minute, {in_a_minute: 1}, 0, None)
    assert counted.mix[pattern] == 1
    assert sum(counted.mix.values()) == 1
    assert rows.Counted(0, {}, 7, None).failures == 0


def test_the_bytes_that_were_counted_here_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "bytes_of_an_order", lambda: 2_500.0)
    found = traffic()
    assert (found["table_bytes"], found["bytes_from"]) == (2_500, "counted here")


def test_a_fifo_queue_of_orders_is_taken_into_account(fifo_orders: None) -> None:
    assert traffic()["fifo"] is True


def test_a_database_that_is_away_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> rows.Counted:
        raise OperationalError("secret host name")

    monkeypatch.setattr(rows, "count", away)
    with pytest.raises(CommandError, match="correct DATABASE_URL or run manage.py mig"):
        costs()
