"""The spans of Holdfast: `send` puts an event on its queue, `process` is one delivery of it.

They go to OTEL_EXPORTER_OTLP_ENDPOINT, if the extra `tracing` is installed (exporter.py).
Otherwise a span is nothing but the trace that is carried on.
"""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from django.conf import settings

from processing.tracing.context import Trace, within

logger = logging.getLogger(__name__)

SEND, PROCESS = "send", "process"
Fact = str | int


class Span:
    """One step of a trace. It is exported when it ends, and never if it does not."""

    __slots__ = ("trace",)

    def __init__(self, trace: Trace | None) -> None:
        self.trace = trace
        """What is carried on from here."""

    @property
    def carried(self) -> dict[str, str]:
        """The message attributes that carry it on."""
        return self.trace.attributes if self.trace else {}

    def tell(self, **facts: Fact) -> None:
        """Note *facts*. An `error`, the type of one, marks the span as failed."""

    def end(self, error: str = "") -> None:
        """Hand it over for export."""

    def made_current(self) -> AbstractContextManager[Any]:
        """Let it be the parent of what other instrumentation sees."""
        return nullcontext()


class Exporter(Protocol):
    def begin(
        self, step: str, queue: str, parent: Trace | None, failed: Trace | None
    ) -> Span: ...

    def stop(self) -> None: ...


def begin(
    step: str, queue: str, parent: Trace | None, failed: Trace | None = None
) -> Span:
    """Begin *step* in the trace of *parent*, or in a new one.

    A redrive begins a new one, linked to the trace in which its event *failed*. The delivery of
    a redrive has both.
    """
    if parent and not parent.sampled:
        return Span(parent)  # as the SDK would decide, at a tenth of its time
    if exporter := _exporter(os.getpid(), settings.OTEL_EXPORTER_OTLP_ENDPOINT):
        return exporter.begin(step, queue, parent, failed)
    return Span(parent or (failed.another() if failed else None))


class opened:  # noqa: N801 - like `within`, because it runs for each accepted event
    """Like `begin`; the span is the current one inside, and ends with the block."""

    __slots__ = ("_current", "_span", "_within")

    def __init__(
        self, step: str, queue: str, parent: Trace | None, failed: Trace | None = None
    ) -> None:
        self._span = begin(step, queue, parent, failed)
        self._within = within(self._span.trace)
        self._current = self._span.made_current()

    def __enter__(self) -> Span:
        self._within.__enter__()
        self._current.__enter__()
        return self._span

    def __exit__(self, error: type[BaseException] | None, *rest: Any) -> None:
        self._current.__exit__(error, *rest)
        self._within.__exit__()
        self._span.end(error.__name__ if error else "")


def start(**_: object) -> None:
    """Make the exporter of a new process, so that no request waits for the import."""
    _exporter(os.getpid(), settings.OTEL_EXPORTER_OTLP_ENDPOINT)


def stop(**_: object) -> None:
    """Export what this process still holds. It takes a few seconds if nobody listens."""
    if exporter := _exporter(os.getpid(), settings.OTEL_EXPORTER_OTLP_ENDPOINT):
        exporter.stop()


@cache
def _exporter(pid: int, endpoint: str) -> Exporter | None:
    """The exporter of this process: threads do not survive a fork."""
    if not endpoint:
        return None
    try:
        module = import_module("processing.tracing.exporter")
        made: Exporter | None = module.over_http(endpoint)
    except ImportError as error:
        logger.warning("spans=not_exported missing=%s", error.name)
        return None
    except Exception as error:  # it cannot read one of its variables
        logger.warning("spans=not_exported reason=%s", type(error).__name__)
        return None
    return made
