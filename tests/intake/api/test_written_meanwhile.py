"""The answer is written while SQS stores the event, and holds only once SQS has confirmed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from intake.api import endpoints
from processing.sqs import queues
from project.api_handler import ApiHandler
from tests.conftest import forget_failures
from tests.live import wait_for
from tests.processing.sqs_server import Server, serving
from tests.project.test_api_handler import KEY, ORDER, answer_of, environ

NOTHING = ApiHandler(lambda *_: pytest.fail("it is an address of the API"))


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with serving() as here:
        settings.SQS_ENDPOINT_URL = here.url
        forget_failures()
        yield here
    forget_failures()
    queues.forget()


def ask(key: str | None = KEY) -> tuple[str, dict[str, str], bytes]:
    asked = environ("POST", "/api/orders", ORDER)
    if key is None:
        del asked["HTTP_IDEMPOTENCY_KEY"]
    status, headers, body = answer_of(NOTHING, asked)
    return status, dict(headers), body


def test_the_answer_is_written_while_sqs_stores_the_event(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = endpoints._response
    server.hangs = True
    stored: list[int] = []

    def write(*how: Any) -> Any:
        wait_for(lambda: server.asked)
        stored.append(len(server.asked))
        server.release.set()
        return response(*how)

    monkeypatch.setattr(endpoints, "_response", write)
    status, _, body = ask(None)
    ((_, sent),) = server.asked
    assert status == "202 Accepted"
    assert json.loads(body)["requestId"] in sent.decode()
    assert stored == [1]


def test_an_order_whose_answer_cannot_be_written_is_not_sent_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def fail(*_: Any) -> None:
        tried.append(1)
        raise RecursionError

    with monkeypatch.context() as broken:
        broken.setattr(endpoints, "_response", fail)
        status, _, _ = ask()
    assert (status[:3], len(tried)) == ("500", 2)
    status, headers, _ = ask()
    assert (status, headers["Idempotency-Replayed"]) == ("202 Accepted", "true")
    assert len(server.asked) == 1
