"""What is prepared while SQS works: in time, once, and never in place of a confirmation."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from processing.sqs import access, meanwhile
from processing.sqs.curl_client import QuickSQS
from processing.sqs.meanwhile import Prepared
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


def send(client: QuickSQS, entries: int = 1) -> None:
    client.send_message_batch(QueueUrl="http://queue", Entries=[ENTRY] * entries)


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


def test_nobody_waits_for_what_one_of_many_prepares(server: Server) -> None:
    server.hangs = False
    done: list[int] = []
    with Prepared(partial(done.append, 1)) as prepared:
        send(client_of(server), entries=2)
        assert done == []
    prepared.result()
    assert done == [1]


def test_an_error_is_for_whoever_asks(server: Server) -> None:
    def work() -> None:
        server.release.set()
        raise LookupError

    with Prepared(work) as prepared:
        send(client_of(server))
    with pytest.raises(LookupError):
        prepared.result()


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
