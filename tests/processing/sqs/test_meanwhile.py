"""What is prepared while SQS works: in time, once, and never in place of a confirmation."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from processing.sqs import access, curl_client, meanwhile
from processing.sqs.curl_client import QuickSQS
from processing.sqs.meanwhile import Prepared
from processing.sqs.send_batcher import SendBatcher
from tests.live import wait_for
from tests.processing.sqs_server import Server, serving

ENTRY = {"Id": "0", "MessageBody": "{}"}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as here:
        here.hangs = True
        yield here


def client_of(server: Server) -> QuickSQS:
    return QuickSQS(access.settled(server.url, "eu-central-1", access.LOCAL))


def send(client: QuickSQS) -> None:
    client.send_message_batch(QueueUrl="http://queue", Entries=[ENTRY])


def test_it_is_prepared_while_sqs_works(server: Server) -> None:
    """The server was asked before, and answers only afterwards."""

    def work() -> str:
        wait_for(lambda: server.asked)
        server.release.set()
        return "an answer"

    with Prepared(work) as prepared:
        send(client_of(server))
        assert prepared.result() == "an answer"


def test_it_is_prepared_once(server: Server) -> None:
    client = client_of(server)
    times: list[int] = []

    def work() -> int:
        server.release.set()
        times.append(len(server.asked))
        return len(times)

    with Prepared(work) as prepared:
        send(client)
        send(client)
    assert (prepared.result(), prepared.result()) == (1, 1)
    assert len(times) == 1


def test_it_is_prepared_on_a_kept_connection_too(server: Server) -> None:
    server.hangs = False
    client = client_of(server)
    send(client)
    done: list[int] = []
    with Prepared(partial(done.append, 1)):
        send(client)
        assert done == [1]
    assert len(server.connections) == 1


def test_while_a_thread_sends_for_others_it_prepares_nothing(server: Server) -> None:
    server.hangs = False
    client = client_of(server)
    with Prepared(list):
        send(client)  # on the connection that the others use
    done: list[int] = []
    with Prepared(partial(done.append, 1)) as prepared:
        with meanwhile.for_others():
            send(client)
        assert done == []
        assert meanwhile.is_pending()
    prepared.result()
    assert done == [1]
    assert len(server.connections) == 1


@pytest.mark.parametrize("size", [100, 91, 1])
def test_who_sends_in_line_prepares_only_while_it_sends_its_own_alone(
    size: int,
) -> None:
    """The third in line sends for the first, of *size*, and for those that fit beside it."""
    calls: list[str] = []
    sends: dict[int, str] = {}  # by thread
    prepared: list[tuple[str, str]] = []
    gate = threading.Event()

    def send(items: Sequence[str], _within: float) -> Sequence[str]:
        sends[threading.get_ident()] = "".join(items)
        calls.append("".join(items))
        assert gate.wait(10)
        meanwhile.prepare()
        return items

    line: SendBatcher[str, str] = SendBatcher(send, most=3, room=100)

    def put(item: str, size: int) -> None:
        with Prepared(lambda: prepared.append((item, sends[threading.get_ident()]))):
            line.put(item, size)

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(put, "first", 1)]
        wait_for(lambda: calls)
        for standing, item in enumerate("abc"):
            wait_for(lambda: len(line._line) == standing)  # noqa: B023
            futures.append(pool.submit(put, item, size if item == "a" else 9))
        wait_for(lambda: len(calls) == 2)
        gate.set()
        for future in futures:
            future.result(10)
    assert calls[1] == {100: "a", 91: "ab", 1: "abc"}[size]
    assert ("first", "first") in prepared
    assert [pair for pair in prepared if pair[0] != pair[1]] == []


def test_an_error_is_for_whoever_asks(server: Server) -> None:
    def work() -> None:
        server.release.set()
        raise LookupError

    with Prepared(work) as prepared:
        send(client_of(server))
    with pytest.raises(LookupError):
        prepared.result()


def test_work_that_fails_is_tried_once_meanwhile(server: Server) -> None:
    tries: list[int] = []

    def work() -> None:
        server.release.set()
        tries.append(1)
        raise LookupError

    with Prepared(work):
        send(client_of(server))
    assert tries == [1]


def test_what_ends_a_process_is_not_swallowed(server: Server) -> None:
    def work() -> None:
        server.release.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Prepared(work):
        send(client_of(server))


def test_who_prepares_nothing_is_told_no_progress(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.hangs = False
    told: list[Any] = []
    monkeypatch.setattr(
        curl_client, "_prepare_when_sent", lambda *how: told.append(how)
    )
    send(client_of(server))
    assert told == []


def test_afterwards_nothing_is_pending(server: Server) -> None:
    server.hangs = False
    done: list[int] = []
    with pytest.raises(RuntimeError), Prepared(partial(done.append, 1)):
        assert meanwhile.is_pending()
        raise RuntimeError
    assert not meanwhile.is_pending()
    send(client_of(server))
    assert done == []


def test_another_thread_prepares_nothing_of_this_one() -> None:
    done: list[int] = []
    with Prepared(partial(done.append, 1)):
        other = threading.Thread(target=meanwhile.prepare)
        other.start()
        other.join()
    assert done == []
