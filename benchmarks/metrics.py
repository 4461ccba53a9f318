"""What counting costs: the processor time of an event and of a request, with and without.

In this process, in turns: a worker's handling of one order, and the web server's answer to
`POST /api/orders`, which sends it to the SQS server of the run.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import process_time
from types import MappingProxyType
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
Around = Callable[[], AbstractContextManager[None]]
_COUNTING = ((Counter, "count"), (Histogram, "observe"), (Latest, "note"))


@dataclass(frozen=True, slots=True)
class Cost:
    event_ms: float
    request_ms: float


FIGURES = {"event_ms": "CPU ms/event", "request_ms": "CPU ms/request"}


def compare(*, rounds: int) -> dict[str, Cost]:
    """Medians of single events and requests by side; the sides take turns at each."""
    return costs(rounds, _nothing_counted)


def costs(
    rounds: int, left_out: Around, more: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Cost]:
    """What an event and a request cost with *more* headers or attributes, and inside *left_out*
    without them."""
    settings.RATE_LIMIT_REQUESTS = 10**9
    number = 2 * rounds * _NUMBER
    handled = _medians(_handle, number, left_out, more)
    answered = _medians(_answer, number, left_out, more)
    queues.client().purge_queue(QueueUrl=queues.url("orders"))
    return {side: Cost(handled[side], answered[side]) for side in SIDES}


def _medians(
    work: Callable[[Event, Mapping[str, str]], None],
    number: int,
    left_out: Around,
    more: Mapping[str, str],
) -> dict[str, float]:
    """The processor time in ms of *work* on one event, by side."""
    took: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn, event in enumerate(backlog.orders(number)):
        side = SIDES[turn % 2]
        is_ours = side == "ours"
        with nullcontext() if is_ours else left_out():
            began = process_time()
            work(event, more if is_ours else {})
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


def _handle(event: Event, attributes: Mapping[str, str]) -> None:
    now = datetime.now(UTC)
    beside = dict(attributes)
    processor.handle(Message("orders", event.id, event.body, "r", 1, now, beside))


def _answer(event: Event, headers: Mapping[str, str]) -> None:
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
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
    }
    said: list[str] = []
    answer = application(environ, lambda status, _: said.append(status))
    if not said[0].startswith("202"):
        raise RuntimeError(f"{said[0]}: {b''.join(answer)!r}")
