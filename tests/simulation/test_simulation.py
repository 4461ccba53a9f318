"""Random schedules of the whole product, with crashes, checked after every step.

The fast suite runs 10 schedules, the siege 30; SIMULATION_SCHEDULES=5000 asks for more.
Hypothesis shrinks a failing schedule to the few steps that matter and prints them.
"""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.cache import cache
from django.core.management.color import no_style
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from processing import circuit_breaker
from processing.events.envelope import Event
from processing.sqs import publisher, queues
from processing.sqs.topology import EVENT_QUEUES
from tests.builders import order_created, order_updated, signup_requested
from tests.simulation.fake_sqs import FAULTS
from tests.simulation.world import World

ASKED = os.environ.get("SIMULATION_SCHEDULES", "")
#: Where a defect was planted it is enough to see it; the shortest schedule takes minutes.
PHASES = [Phase.generate] if "DEFECT" in os.environ else list(Phase)

number = st.integers(0, 3)
dies = st.one_of(st.just(0), st.integers(1, 9))  # at which step; 0 is never
queue = st.sampled_from(EVENT_QUEUES)
kind = st.sampled_from(["order", "rival", "sign-up", "update"])
fault = st.sampled_from(["", "", "", *FAULTS])
poison = st.sampled_from(["no json %s", "[%s]", '{"type": "%s"}', '{"no": %s'])


def request(kind: str, who: int) -> Event:
    """The same *kind* and *who* is the same request, whenever it is sent."""
    id = f"{kind}-{who}"
    if kind == "order":
        return order_created(id=id, order_id=f"ORD-{who}")
    if kind == "other body":
        return order_created(
            id=f"order-{who}", order_id=f"ORD-{who}", customer_id="C-2"
        )
    if kind == "rival":  # fails for good once the order is there
        return order_created(id=id, order_id=f"ORD-{who}", customer_id="C-2")
    if kind == "sign-up":
        event = signup_requested(email=f"someone-{who}@example.com")
    else:
        event = order_updated(
            order_id=f"ORD-{who}", changed_at="2025-01-01T00:00:00+00:00"
        )
    return event.model_copy(update={"id": id})


def forget_everything() -> None:
    apps_of_ours = (apps.get_app_config(name) for name in ("processing", "dlq_review"))
    tables = [
        model._meta.db_table for app in apps_of_ours for model in app.get_models()
    ]
    connection.ops.execute_sql_flush(
        connection.ops.sql_flush(no_style(), tables, allow_cascade=True)
    )


class Schedule(RuleBasedStateMachine):
    world: World

    @initialize()
    def begin(self) -> None:
        forget_everything()
        cache.clear()
        self.clock = time_machine.travel("2026-11-20T10:00:00+00:00", tick=False)
        self.time = self.clock.start()
        self.world = World()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(queues, "client", lambda: self.world.sqs)
        self.patch.setattr(queues, "sender", lambda: self.world.sqs)
        self.witness = self.world.witnessed()
        self.witness.__enter__()
        self.patch.setattr(
            circuit_breaker, "monotonic", time.time
        )  # the clock's, not ours
        publisher.forget()
        self.patch.setattr(connection, "commit", self.world.commit)
        self.some_have_failed_before()

    def some_have_failed_before(self) -> None:
        """Staff have something to do from the first step on."""
        self.world.has_bug = True
        for who in range(2):
            self.world.accept(request("order", who))
        self.world.receive("orders", 10)
        self.world.work_off()
        self.world.pull()
        self.world.has_bug = False

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.drain()
            finally:
                self.witness.__exit__(None, None, None)
                self.patch.undo()
                self.clock.stop()

    # -- outside ------------------------------------------------------------------------
    @rule(kind=kind, who=number, dies=dies)
    def somebody_asks(self, kind: str, who: int, dies: int) -> None:
        self.world.do(lambda: self.world.accept(request(kind, who)), dies)

    @rule(first=number, kinds=st.lists(kind, min_size=2, max_size=4), dies=dies)
    def somebody_asks_for_several_at_once(
        self, first: int, kinds: list[str], dies: int
    ) -> None:
        several = [request(kind, first + place) for place, kind in enumerate(kinds)]
        self.world.do(lambda: self.world.accept_many(several), dies)

    @rule(who=number)
    def somebody_uses_an_id_again(self, who: int) -> None:
        if f"order-{who}" in self.world.promised:
            self.world.do(lambda: self.world.accept(request("other body", who)))

    @rule(body=poison)
    def a_stranger_sends(self, body: str) -> None:
        self.world.send_poison(body % len(self.world.poison))

    @rule(seconds=st.sampled_from([1, 20, 61, 301, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.time.shift(timedelta(seconds=seconds))

    @rule(fault=fault)
    def sqs_changes(self, fault: str) -> None:
        self.world.sqs.fault = fault

    @rule(which=number)
    def a_deleted_message_comes_again(self, which: int) -> None:
        self.world.sqs.raise_dead(which)

    @rule(queue=queue)
    def messages_in_flight_are_shown_early(self, queue: str) -> None:
        self.world.sqs.show_early(queue)

    @rule(has_bug=st.booleans())
    def a_release_is_deployed(self, has_bug: bool) -> None:
        self.world.has_bug = has_bug

    # -- workers --------------------------------------------------------------------------
    @rule(queue=queue, limit=st.integers(1, 10), dies=dies)
    def a_worker_receives(self, queue: str, limit: int, dies: int) -> None:
        self.world.do(lambda: self.world.receive(queue, limit), dies)

    @rule(queue=queue)
    def a_worker_empties_a_queue(self, queue: str) -> None:
        self.world.receive(queue, 10)
        self.world.work_off()

    @rule(kind=kind, who=number, fault=fault, dies=dies)
    def a_worker_takes_what_is_just_asked(
        self, kind: str, who: int, fault: str, dies: int
    ) -> None:
        event = request(kind, who)
        self.world.do(lambda: self.world.accept(event))
        self.world.receive(event.queue, 10)
        self.world.sqs.fault = fault
        self.world.do(self.world.work_off, dies)

    @rule(most=st.integers(1, 10), worker_dies=st.booleans(), dies=dies)
    def a_worker_works(self, most: int, worker_dies: bool, dies: int) -> None:
        self.world.do(lambda: self.world.work(most, worker_dies=worker_dies), dies)

    @rule(
        kinds=st.lists(kind, min_size=2, max_size=4),
        worker_dies=st.booleans(),
        dies=dies,
    )
    def a_worker_takes_several_that_are_just_asked(
        self, kinds: list[str], worker_dies: bool, dies: int
    ) -> None:
        several = [request(kind, who) for who, kind in enumerate(kinds)]
        self.world.do(lambda: self.world.accept_many(several))
        for queue in ("orders", "signups"):
            self.world.receive(queue, 10)
        self.world.do(lambda: self.world.work(worker_dies=worker_dies), dies)

    @rule(dies=dies)
    def the_relay_runs(self, dies: int) -> None:
        self.world.do(self.world.relay, dies)

    @rule(kind=kind, fault=fault, dies=dies)
    def the_relay_sends_several(self, kind: str, fault: str, dies: int) -> None:
        self.world.sqs.fault = "down"
        self.world.accept_many([request(kind, who) for who in range(4)])
        self.time.shift(timedelta(seconds=11))  # the breaker lets one try again
        self.world.sqs.fault = fault
        self.world.do(self.world.relay, dies)

    @rule(dies=dies)
    def a_workers_deletes_are_due(self, dies: int) -> None:
        self.world.do(self.world.delete, dies)

    @rule(queue=queue, fault=fault, seconds=st.sampled_from([1, 20, 90]))
    def a_worker_holds_on(self, queue: str, fault: str, seconds: int) -> None:
        self.world.receive(queue, 10)
        self.time.shift(timedelta(seconds=seconds))
        self.world.sqs.fault = fault
        self.world.heartbeat()

    @rule(dies=dies)
    def a_worker_stops(self, dies: int) -> None:
        self.world.do(self.world.stop_worker, dies)

    @rule(dies=dies)
    def the_puller_runs(self, dies: int) -> None:
        self.world.do(self.world.pull, dies)

    @rule(body=poison, dies=dies)
    def what_a_stranger_sent_is_pulled(self, body: str, dies: int) -> None:
        self.a_stranger_sends(body)
        self.a_worker_empties_a_queue("orders")
        self.world.do(self.world.pull, dies)

    @rule(dies=dies)
    def settling_runs(self, dies: int) -> None:
        self.world.do(self.world.settle, dies)

    # -- staff ------------------------------------------------------------------------------
    @rule()
    def staff_look(self) -> None:
        self.world.look()

    @rule(which=number, stale=st.booleans(), dies=dies)
    def staff_redrive(self, which: int, stale: bool, dies: int) -> None:
        self.world.do(lambda: self.world.redrive(which, stale), dies)

    @rule(fault=fault, dies=dies)
    def staff_redrive_all(self, fault: str, dies: int) -> None:
        self.world.sqs.fault = fault
        self.world.do(self.world.redrive_many, dies)

    @rule(stale=st.booleans(), dies=dies)
    def staff_discard_two_at_once(self, stale: bool, dies: int) -> None:
        self.world.do(lambda: self.world.discard_many(stale), dies)

    @rule(which=number, dies=dies)
    def two_of_staff_redrive_the_same(self, which: int, dies: int) -> None:
        self.world.look()
        self.world.do(lambda: self.world.redrive(which, stale=True), dies)
        self.world.do(lambda: self.world.redrive(which, stale=True))

    @rule(which=number, stale=st.booleans(), dies=dies)
    def staff_repair(self, which: int, stale: bool, dies: int) -> None:
        self.world.do(lambda: self.world.repair(which, stale), dies)

    @rule(
        action=st.sampled_from(
            ["redrive_soon", "undo", "discard", "restore", "resolve"]
        ),
        which=number,
        stale=st.booleans(),
        dies=dies,
    )
    def staff_settle(self, action: str, which: int, stale: bool, dies: int) -> None:
        self.world.do(lambda: getattr(self.world, action)(which, stale), dies)

    # -- truth ------------------------------------------------------------------------------
    @invariant()
    def the_books_balance(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def drain(self) -> None:
        """Heal everything and let it run until nothing moves."""
        self.world.sqs.fault = ""
        for _ in range(20):
            self.time.shift(timedelta(seconds=4000))
            for queue in EVENT_QUEUES:
                self.world.receive(queue, 10)
                self.world.work_off()
            self.world.relay()
            self.world.pull()
            self.world.settle()
            if not self.world.moves():
                break
        self.world.check_drained()


NOT_ON_DISK = {
    "sqlite": "PRAGMA synchronous=OFF",
    "postgresql": "SET synchronous_commit TO off",
}


@pytest.fixture
def fast_commits() -> Iterator[None]:
    """The simulation kills processes, not the machine, so a commit need not be on disk."""

    def speed_up(connection: BaseDatabaseWrapper, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(NOT_ON_DISK[connection.vendor])

    connection.close()
    connection_created.connect(speed_up)  # each death of a process makes a new one
    yield
    connection_created.disconnect(speed_up)
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("fast_commits")
@pytest.mark.parametrize(
    "schedules", [10, pytest.param(30, marks=[pytest.mark.siege, pytest.mark.long])]
)
def test_the_books_balance_in_every_schedule(schedules: int) -> None:
    run_state_machine_as_test(
        Schedule,
        settings=settings(
            max_examples=int(ASKED or schedules),
            stateful_step_count=25,
            deadline=None,
            phases=PHASES,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
