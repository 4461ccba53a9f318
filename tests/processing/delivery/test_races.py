"""One message in two hands, or two that meet in one row, at the same moment.

Each race is forced: the first holds its transaction open until the database says that
somebody waits for it.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection

from dlq_review.letters import settlement, transitions
from processing.delivery import processor, sets
from processing.handlers import orders, registry
from processing.models import Attempt, Order, Outcome
from tests.builders import dead_letter, message, order_created, order_updated
from tests.live import wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql",
        reason="SQLite lets one transaction write at a time; set DATABASE_URL",
    ),
]


class Race:
    """The first comes to `hold` and stays there until the second waits for it."""

    def __init__(self) -> None:
        self._is_inside = threading.Event()

    def hold(self) -> None:
        self._is_inside.set()
        wait_for(_somebody_waits_for_me)

    def run(self, first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
        """What each returned or raised."""

        def then() -> Any:
            assert self._is_inside.wait(10)
            return second()

        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(_with_a_connection, one) for one in (first, then)]
            return [run.exception() or run.result() for run in runs]


def _with_a_connection(call: Callable[[], Any]) -> Any:
    try:
        return call()
    finally:
        connection.close()


def _somebody_waits_for_me() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted"
            " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return cursor.fetchone() is not None


@pytest.fixture
def race() -> Race:
    return Race()


def held(race: Race, handler: Callable[..., Any]) -> Callable[..., Any]:
    """*handler*, which holds the race once its effect is written."""

    def handle(*args: Any, **options: Any) -> Any:
        effect = handler(*args, **options)
        race.hold()
        return effect

    return handle


def test_of_two_workers_with_one_message_one_takes_effect(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = held(race, orders.create_order)
    monkeypatch.setitem(registry.HANDLERS, "order_created", create)
    event = order_created()
    said = race.run(
        lambda: processor.handle(message(event)),
        lambda: processor.handle(message(event, receive_count=2)),
    )
    assert said == [None, None]
    assert (Order.objects.count(), Outcome.objects.count()) == (1, 1)
    assert not Attempt.objects.exists()


def test_when_the_first_fails_the_one_that_waited_takes_effect(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([ConnectionError("the first time")])

    def fail_once(event: Any) -> Any:
        effect = orders.create_order(event)
        for failure in failures:
            race.hold()
            raise failure
        return effect

    monkeypatch.setitem(registry.HANDLERS, "order_created", fail_once)
    event = order_created()
    failed, done = race.run(
        lambda: processor.handle(message(event)),
        lambda: processor.handle(message(event)),
    )
    assert isinstance(failed, processor.RetryLaterError)
    assert done is None
    assert Order.objects.get().request_id == Outcome.objects.get().request_id


def test_what_is_processed_just_now_is_not_discarded(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = held(race, orders.create_order)
    monkeypatch.setitem(registry.HANDLERS, "order_created", create)
    event = order_created()
    letter = dead_letter(event)
    said = race.run(
        lambda: processor.handle(message(event)),
        lambda: settlement.discard(letter, by="ada", reason="a test"),
    )
    assert said == [None, "resolved"]
    assert Outcome.objects.get().kind == "processed"


def test_what_is_discarded_just_now_takes_no_effect(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = order_created()
    letter = dead_letter(event)
    monkeypatch.setattr(
        "dlq_review.letters.settlement.move_all", held(race, transitions.move_all)
    )
    said = race.run(
        lambda: settlement.discard(letter, by="ada", reason="a test"),
        lambda: processor.handle(message(event)),
    )
    assert said == ["discarded", None]
    assert not Order.objects.exists()


def test_of_two_changes_the_newer_stays(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor.process(order_created(order_id="ORD-1"))
    newer = order_updated(status="shipped", changed_at="2025-01-02T00:00:00+00:00")
    older = order_updated(status="paid", changed_at="2025-01-01T00:00:00+00:00")

    def update(event: Any) -> Any:
        effect = orders.update_order(event)
        if event.id == newer.id:
            race.hold()
        return effect

    monkeypatch.setitem(registry.HANDLERS, "order_updated", update)
    assert race.run(
        lambda: processor.handle(message(newer)),
        lambda: processor.handle(message(older)),
    ) == [None, None]
    assert Order.objects.get().status == "shipped"
    assert Outcome.objects.get(request_id=older.id).made["status"] == "stale"


def test_of_two_requests_for_one_order_id_the_second_is_refused(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = held(race, orders.create_order)
    monkeypatch.setitem(registry.HANDLERS, "order_created", create)
    first = order_created(order_id="ORD-1")
    second = order_created(order_id="ORD-1", customer_id="C-2")
    done, refused = race.run(
        lambda: processor.process(first), lambda: processor.process(second)
    )
    assert done is None
    assert isinstance(refused, orders.OrderExistsError)
    assert Order.objects.get().customer_id == "C-17"
    assert Outcome.objects.get().request_id == first.id


@pytest.fixture
def slow_inserts() -> Iterator[None]:
    """Each row of a claim and of an order takes its time, so that two sets always meet."""
    tables = ("processing_outcome", "processing_order")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$"
        )
        for table in tables:
            cursor.execute(
                f"CREATE TRIGGER dawdle BEFORE INSERT ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION dawdle()"
            )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION dawdle CASCADE")


@pytest.mark.usefixtures("slow_inserts")
def test_two_sets_of_the_same_events_never_deadlock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    together = [message(order_created(order_id=f"ORD-{n}")) for n in range(10)]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(_with_a_connection, partial(list, sets.process(messages)))
            for messages in (together, together[::-1])
        ]
        done = [run.result() for run in runs]
    assert sorted(map(len, done)) == [0, 1]
    assert Order.objects.count() == Outcome.objects.count() == 10
    assert "rolled_back" not in caplog.text


@pytest.mark.usefixtures("slow_inserts")
def test_two_sets_of_the_same_orders_never_deadlock(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = [order_created(order_id=f"ORD-{number}") for number in range(10)]
    again = [one.model_copy(update={"id": f"again-{one.id}"}) for one in events[::-1]]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(_with_a_connection, partial(list, sets.process(messages)))
            for messages in (list(map(message, events)), list(map(message, again)))
        ]
        done = [run.result() for run in runs]
    assert sorted(map(len, done)) == [0, 1]
    assert Order.objects.count() == Outcome.objects.count() == 10
    assert "rolled_back=IntegrityError" in caplog.text


def test_a_set_waits_for_one_that_is_processed_just_now(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = [message(order_created(order_id=f"ORD-{n}")) for n in range(4)]
    busy = together[2]

    def create(event: Any) -> Any:
        effect = orders.create_order(event)
        if event.body == busy.body:
            race.hold()
        return effect

    monkeypatch.setitem(registry.HANDLERS, "order_created", create)
    said = race.run(
        lambda: processor.handle(busy), lambda: list(sets.process(together))
    )
    assert said == [None, [[*together[:2], together[3]]]]
    assert Order.objects.count() == Outcome.objects.count() == 4
