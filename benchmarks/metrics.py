"""What counting costs: the processor time of an event and of a request, with and without.

In this process, in turns: a worker's handling of one order, and the web server's answer to
`POST /api/orders`, which sends it to the SQS server of the run.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
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

_NUMBER = 100  # of events, and of requests, of one side and round
SIDES = ("ours", "without")
_COUNTING = ((Counter, "count"), (Histogram, "observe"), (Latest, "note"))


@dataclass(frozen=True, slots=True)
class Cost:
    event_ms: float
    request_ms: float


FIGURES = {"event_ms": "CPU ms/event", "request_ms": "CPU ms/request"}


def compare(*, rounds: int) -> dict[str, Cost]:
    """Medians of single events and requests by side; the sides take turns at each."""
    settings.RATE_LIMIT_REQUESTS = 10**9
    number = 2 * rounds * _NUMBER
    handled, answered = _medians(_handle, number), _medians(_answer, number)
    queues.client().purge_queue(QueueUrl=queues.url("orders"))
    return {side: Cost(handled[side], answered[side]) for side in SIDES}


def _medians(work: Callable[[Event], None], number: int) -> dict[str, float]:
    """The processor time in ms of *work* on one event, by side."""
    took: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn, event in enumerate(backlog.orders(number)):
        side = SIDES[turn % 2]
        with _nothing_counted() if side == "without" else nullcontext():
            began = process_time()
            work(event)
            took[side].append((process_time() - began) * 1000)
    return {side: median(times) for side, times in took.items()}


@contextmanager
def _nothing_counted() -> Iterator[None]:
    with ExitStack() as stack:
        for kind, name in _COUNTING:
            stack.enter_context(mock.patch.object(kind, name, _ignore))
        yield


def _ignore(*_: object, **__: object) -> None:
    """In place of counting."""


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
