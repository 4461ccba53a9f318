"""What a thread prepares while it waits for SQS.

SQS takes longer to store an event than we to write the answer, and the processor may be idle
for as long.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Generic, Self, TypeVar

Made = TypeVar("Made")


class Prepared(Generic[Made]):
    """What *work* returns: made by a wait inside `with`, or else by `result`; then kept.

    *work* must not depend on the outcome of what is waited for.
    """

    def __init__(self, work: Callable[[], Made]) -> None:
        self._work = work
        self._made: list[Made] = []

    def __enter__(self) -> Self:
        self._token = _pending.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _pending.reset(self._token)

    def result(self) -> Made:
        """Raises what the work raises."""
        if not self._made:
            self._made.append(self._work())
        return self._made[0]


_pending: ContextVar[Prepared[Any] | None] = ContextVar("prepared", default=None)


def is_pending() -> bool:
    """Whether this thread has something to prepare."""
    return _pending.get() is not None


@contextmanager
def for_others() -> Iterator[None]:
    """Prepare nothing inside: a thread that sends for others must not be late for them."""
    token = _pending.set(None)
    try:
        yield
    finally:
        _pending.reset(token)


def prepare() -> None:
    """Prepare it now. After an error `result` tries again, and raises."""
    if prepared := _pending.get():
        _pending.set(None)
        with suppress(Exception):
            prepared.result()
