import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.db import OperationalError
from django.test import Client

from intake.api.problems import LaterError
from intake.middleware import concurrency_limits
from intake.middleware.concurrency_limits import ConcurrencyLimit
from processing.models import Outcome
from processing.receipts import Receipt
from tests.builders import order_created, order_data
from tests.live import wait_for


def test_whoever_finds_no_slot_beside_slow_ones_is_sent_away_at_once() -> None:
    limit = ConcurrencyLimit(most=2, patience=0)
    with (
        limit.slot(),
        limit.slot(),
        pytest.raises(LaterError),
        limit.slot(),
    ):
        pytest.fail("a third one is inside")
    with limit.slot():
        pass


def test_whoever_finds_no_slot_beside_quick_ones_waits_for_one() -> None:
    limit = ConcurrencyLimit(most=1, patience=30)
    with ThreadPoolExecutor(4) as threads:
        with limit.slot():
            others = [threads.submit(_pass, limit) for _ in range(20)]
        assert all(one.result(timeout=10) for one in others)


def test_beside_a_slow_one_nobody_waits_however_new_the_others_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = ConcurrencyLimit(most=3, patience=30)
    with ThreadPoolExecutor(1) as threads, ExitStack() as inside:
        for came in (0.0, 20.0, 29.0):
            monkeypatch.setattr(concurrency_limits, "monotonic", lambda now=came: now)
            inside.enter_context(limit.slot())
        monkeypatch.setattr(concurrency_limits, "monotonic", lambda: 30.0)
        late = threads.submit(_pass, limit)
        assert isinstance(late.exception(timeout=5), LaterError)


def test_who_leaves_takes_its_own_time_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether one waits is told by how often it looks at the clock before it gives up."""
    limit = ConcurrencyLimit(most=2, patience=0.1)
    moments: list[float] = []
    monkeypatch.setattr(concurrency_limits, "monotonic", lambda: moments.pop(0))
    old, new = limit.slot(), limit.slot()
    moments += [0.00, 0.08]
    old.__enter__()
    new.__enter__()
    new.__exit__(None, None, None)
    moments += [0.09, 0.11]
    with limit.slot(), pytest.raises(LaterError), limit.slot():
        pytest.fail("the old one is inside")
    new = limit.slot()
    moments += [0.12]
    new.__enter__()
    old.__exit__(None, None, None)
    moments += [0.13, 0.21, 0.23]
    with limit.slot(), pytest.raises(LaterError), limit.slot():
        pytest.fail("two are inside")
    assert moments == []


def _pass(limit: ConcurrencyLimit) -> bool:
    with limit.slot():
        return True


class Hanging:
    """A database that lets nobody read outcomes until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[object] = []
        self.goes_on = threading.Event()

    def wait(self, **asked: object) -> None:
        self.waiting.append(asked)
        self.goes_on.wait(30)
        raise OperationalError


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    database = Hanging()
    monkeypatch.setattr(Outcome.objects, "filter", database.wait)
    yield database
    database.goes_on.set()


@pytest.mark.django_db(transaction=True)
def test_what_the_database_knows_takes_three_threads_and_an_order_none_of_them(
    client: Client, sqs: None, hanging: Hanging
) -> None:
    token = Receipt.of(order_created()).token
    path = f"/api/requests/{token}"
    client.handler.load_middleware()  # else each thread may load a limit of its own
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(client.get, path) for _ in range(3)]
        wait_for(lambda: len(hanging.waiting) == 3)
        refused = client.get(path)
        assert refused.status_code == 503
        assert refused["Content-Type"] == "application/problem+json"
        assert refused["Retry-After"] == "5"
        for address in (f"/receipts/{token}/", "/verify/token/", "/demo/sent/token/"):
            page = client.get(address)
            assert (page.status_code, page["Retry-After"]) == (503, "5")
            assert "Nothing is lost" in page.content.decode()
        accepted = client.post("/api/orders", order_data(), "application/json")
        assert accepted.status_code == 202
        hanging.goes_on.set()
        assert {one.result().status_code for one in waiting} == {200}


@pytest.mark.parametrize("error", [OperationalError, KeyboardInterrupt])
def test_whoever_leaves_with_an_error_frees_the_slot(
    error: type[BaseException],
) -> None:
    limit = ConcurrencyLimit(most=1, patience=0)
    for _ in range(3):
        with pytest.raises(error), limit.slot():
            raise error
    with limit.slot():
        pass
