"""A deployment: workers of two releases side by side on the same queues."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.db import connection

from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from processing.delivery import spool
from processing.events import contracts, envelope
from processing.events.envelope import Event
from processing.models import Outcome
from processing.sqs import publisher, queues
from tests import boot
from tests.boot import newer_release
from tests.boot.witness import CREATE, TABLE
from tests.builders import order_created, order_updated, redrive_now
from tests.live import LiveSystem, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

JOB = Path(__file__).parent.parent / "on_the_wire" / "job.json"


@pytest.fixture
def effects() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {TABLE}")


def took_effect() -> list[str]:
    """A request id for each effect, however often."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT request_id FROM {TABLE}")  # noqa: S608
        return sorted(row[0] for row in cursor.fetchall())


def send_twice(sent: list[Event]) -> None:
    for _ in range(2):
        assert all(one.message_id for one in publisher.publish_many(sent))


def of_the_newer_release(number: int) -> str:
    """What only the newer release sends, and understands."""
    change = order_updated(changed_at=f"2025-01-01T00:00:{number:02}+00:00")
    return change.body.replace("order_updated", newer_release.TYPE)


def all_took_effect(events: list[Event]) -> bool:
    return set(ids(events)) <= set(took_effect())


def both_process(system: LiveSystem) -> bool:
    return all("outcome=processed" in system.log(name) for name in ("r1", "r2"))


def send_until_both_process(system: LiveSystem) -> list[Event]:
    sent: list[Event] = []
    for _ in range(20):  # one worker may take a whole round
        some = [order_created() for _ in range(60)]
        sent += some
        send_twice(some)
        wait_for(partial(all_took_effect, sent))
        if both_process(system):
            return sent
    raise AssertionError("one worker took everything")


@pytest.mark.usefixtures("effects")
def test_two_releases_share_the_queues_and_nothing_is_lost_or_done_twice(
    system: LiveSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = system.start_worker("r1", RELEASE="r1", **boot.environment(WITNESS="0"))
    asked = [order_created(order_id="ORD-1")]
    send_twice(asked)
    wait_for(lambda: took_effect() == ids(asked))
    newer_bodies = [of_the_newer_release(number) for number in range(6)]
    publisher.send_raw("orders", newer_bodies[0])
    wait_for(lambda: queues.depth("orders-dlq").visible == 1)

    newer = boot.environment(WITNESS="0", NEWER_RELEASE="1")
    system.start_worker("r2", RELEASE="r2", **newer)
    for body in newer_bodies[1:]:
        publisher.send_raw("orders", body)
    more = send_until_both_process(system)
    wait_for(lambda: queues.depth("orders") == queues.Depth(0, 0))

    system.stop(older)  # the deployment is complete, and staff see what it left behind
    puller.pull(["orders-dlq"])
    reasons = DeadLetter.objects.values_list("error_type", "release")
    assert set(reasons) == {("UnknownEventTypeError", "r1")}
    monkeypatch.setattr(
        contracts, "CONTRACTS", newer_release.with_one_more(contracts.CONTRACTS)
    )
    for letter in DeadLetter.objects.all():
        redrive_now(letter, by="ada")
    everything = [*asked, *more, *map(as_event, newer_bodies)]
    wait_for(lambda: len(took_effect()) >= len(everything))
    wait_for(lambda: queues.depth("orders") == queues.Depth(0, 0))
    assert took_effect() == ids(everything)
    assert Outcome.objects.filter(type=newer_release.TYPE).count() == 6
    assert queues.depth("orders-dlq") == queues.Depth(0, 0)


def test_a_job_of_an_earlier_release_runs(system: LiveSystem) -> None:
    event = order_created()
    spool.add(event, "Timeout")
    system.start_worker()
    publisher.send_raw("jobs", JOB.read_text())
    wait_for(lambda: Outcome.objects.filter(request_id=event.id).exists())


def as_event(body: str) -> Event:
    return envelope.parse(body, fallback_id="")


def ids(asked: list[Event]) -> list[str]:
    return sorted(event.id for event in asked)
