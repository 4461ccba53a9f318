"""Whatever SQS answers, or does not: the worker goes on and each effect happens once."""

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pytest_django import Settings

from processing.models import Attempt, Order
from processing.sqs import publisher, queues
from tests import boot
from tests.builders import order_created, order_updated
from tests.fault_proxy import Fault, FaultProxy
from tests.live import LiveSystem, live_system, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

POLLS = 4  # one of every queue

RECEIVE_FAULTS = [
    Fault("receive 500", "ReceiveMessage", status=500, times=POLLS),
    Fault("receive 503", "ReceiveMessage", status=503, times=POLLS),
    Fault(
        "receive 403", "ReceiveMessage", status=403, code="AccessDenied", times=POLLS
    ),
    Fault(
        "receive 400",
        "ReceiveMessage",
        status=400,
        code="ThrottlingException",
        times=POLLS,
    ),
    Fault("receive 429", "ReceiveMessage", status=429, times=POLLS),
    Fault("receive lost", "ReceiveMessage", lose_answer=True, times=POLLS),
    Fault("receive hangs", "ReceiveMessage", pause=60, status=500, times=POLLS),
]


@pytest.fixture
def system(tmp_path: Path, settings: Settings) -> Iterator[LiveSystem]:
    with live_system(tmp_path, settings) as running:
        yield running


def start_worker_behind(
    proxy: FaultProxy, system: LiveSystem
) -> subprocess.Popen[bytes]:
    # What a lost answer held comes again soon; no heartbeat extends it meanwhile.
    return system.start_worker(
        SQS_ENDPOINT_URL=f"http://127.0.0.1:{proxy.port}",
        WORKER_HEARTBEAT_SECONDS="60",
        **boot.environment(VISIBILITY="2"),
    )


def fired(proxy: FaultProxy, fault: Fault) -> bool:
    return proxy.fired[fault.name] == fault.times


def orders(number: int) -> bool:
    return Order.objects.count() == number


def test_polling_resumes_after_every_answer_that_receive_can_get(
    system: LiveSystem,
) -> None:
    proxy = FaultProxy(system.port)
    worker = start_worker_behind(proxy, system)
    for number, fault in enumerate(RECEIVE_FAULTS, start=1):
        proxy.inject(fault)
        wait_for(partial(fired, proxy, fault))
        publisher.publish(order_created())
        wait_for(partial(orders, number))
    proxy.stop()
    wait_for(lambda: "ReceiveMessage failed=" in system.log("worker")[-500:])
    back = FaultProxy(system.port, proxy.port)
    publisher.publish(order_created())
    wait_for(lambda: Order.objects.count() == len(RECEIVE_FAULTS) + 1)
    back.stop()
    assert worker.poll() is None


@pytest.mark.parametrize("action", ["DeleteMessage", "DeleteMessageBatch"])
def test_a_delete_that_fails_brings_the_message_again_and_not_its_effect(
    system: LiveSystem, action: str
) -> None:
    proxy = FaultProxy(system.port)
    proxy.inject(Fault("500", action, status=500, times=3))
    proxy.inject(Fault("403", action, status=403, code="AccessDenied"))
    proxy.inject(Fault("lost", action, lose_answer=True, times=3))
    worker = start_worker_behind(proxy, system)
    publisher.publish(order_created())
    wait_for(Order.objects.exists)
    wait_for(lambda: queues.depth("orders") == queues.Depth(0, 0))
    publisher.publish(order_created())
    wait_for(lambda: Order.objects.count() == 2)
    proxy.stop()
    assert worker.poll() is None
    assert not Attempt.objects.exists()


def test_a_backoff_that_cannot_be_set_leaves_the_visibility_timeout(
    system: LiveSystem,
) -> None:
    proxy = FaultProxy(system.port)
    proxy.inject(Fault("hide", "ChangeMessageVisibility", status=403, times=99))
    worker = start_worker_behind(proxy, system)
    publisher.publish(order_updated(order_id="ORD-never"))
    wait_for(lambda: queues.depth("orders-dlq").visible == 1)
    proxy.stop()
    assert Attempt.objects.count() == 3
    assert worker.poll() is None
