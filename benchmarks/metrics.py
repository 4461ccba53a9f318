"""What counting costs: the processor time of an event and of a request, with and without.

In this process, in turns: a worker's handling of one order, and the web server's answer to
`POST /api/orders`, which sends it to the SQS server of the run.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import process_time
from typing import Any
from unittest import mock

from django.conf import settings

from benchmarks import backlog
from processing.board import Counter, Histogram, Latest
from processing.delivery import processor
from processing.events.envelope import Event
from processing.sqs import queues
from processing.sqs.message import Message
from project.wsgi import application

_NUMBER = 100  # of events, and of requests, in one turn
_COUNTING = ((Counter, "count"), (Histogram, "observe"), (Latest, "note"))


@dataclass(frozen=True, slots=True)
class Cost:
    event_ms: float
    request_ms: float


FIGURES = {"event_ms": "CPU ms/event", "request_ms": "CPU ms/request"}


def compare(*, rounds: int) -> dict[str, Cost]:
    """The least of all turns, by side: others on this machine only ever add time."""
    settings.RATE_LIMIT_REQUESTS = 10**9
    found: dict[str, list[Cost]] = {"ours": [], "without": []}
    for turn in range(4 * rounds + 1):
        for name in sorted(found, reverse=bool(turn % 2)):
            with ExitStack() as stack:
                if name == "without":
                    stack.enter_context(_nothing_counted())
                cost = Cost(_measure(_handle), _measure(_answer))
            found[name].append(cost)
    queues.client().purge_queue(QueueUrl=queues.url("orders"))
    return {name: _least(costs[1:]) for name, costs in found.items()}


@contextmanager
def _nothing_counted() -> Iterator[None]:
    with ExitStack() as stack:
        for kind, name in _COUNTING:
            stack.enter_context(mock.patch.object(kind, name, _ignore))
        yield


def _ignore(*_: object, **__: object) -> None:
    """In place of counting."""


def _measure(work: Callable[[Event], None]) -> float:
    events = list(backlog.orders(_NUMBER))
    began = process_time()
    for event in events:
        work(event)
    return (process_time() - began) * 1000 / _NUMBER


def _handle(event: Event) -> None:
    now = datetime.now(UTC)
    processor.handle(Message("orders", event.id, event.body, "r", 1, now, {}))


def _answer(event: Event) -> None:
    """Raises RuntimeError unless the order is accepted."""
    body = json.dumps(json.loads(event.body)["data"]).encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/orders",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    said: list[str] = []
    answer = application(environ, lambda status, _: said.append(status))
    if not said[0].startswith("202"):
        raise RuntimeError(f"{said[0]}: {b''.join(answer)!r}")


def _least(costs: list[Cost]) -> Cost:
    return Cost(*(min(getattr(one, name) for one in costs) for name in FIGURES))
