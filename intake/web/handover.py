"""Give requests to threads from granian's own thread, and not by its event loop.

granian wakes its loop for each request, and once more for each body. A core that sleeps takes
its time to wake, so a request that passes by the loop waits longer than its work takes
(docs/speed.md).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import uvloop
from granian import _futures
from granian._loops import loops

logger = logging.getLogger(__name__)
#: Called with what watches a request. False: the loop has to take the request.
Take = Callable[[Any], bool]
LOOP = "holdfast"


class AtOnce:
    """A callback that any thread may call, and that does not wait."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __call__(self, *_: Any) -> None:
        self._call()


class _Loop(uvloop.Loop):
    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        """granian calls this when a body is there."""
        if isinstance(callback, AtOnce):
            return callback()
        return super().call_soon_threadsafe(callback, *args, context=context)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> Any:
        """granian calls this, in any thread, when a body was there before it was waited for."""
        if isinstance(callback, AtOnce):
            return callback()
        return super().call_soon(callback, *args, context=context)


@loops.register(LOOP)
def new_loop() -> asyncio.AbstractEventLoop:
    loop = _Loop()
    asyncio.set_event_loop(loop)
    return loop


def to(take: Take) -> None:
    """Let *take* have each request of this process."""
    make: Any = _futures._cbsched_aioschedule

    def schedule(*loop_and_coroutine: Any) -> Callable[[Any], None]:
        to_loop = make(*loop_and_coroutine)

        def hand_over(watcher: Any) -> None:
            try:
                taken = take(watcher)
            except BaseException:
                # It would end granian's thread, and no request would be taken any more.
                logger.exception("handed_over=0")
                taken = False
            if not taken:
                to_loop(watcher)

        return hand_over

    _futures._cbsched_aioschedule = schedule
