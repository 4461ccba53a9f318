"""Orders that ruin whoever works on them: the customer id says how.

Each deed is one that a real handler does by a bug, or the machine to it.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.boot.on_import import replace

Handlers = dict[str, Callable[[Any], Any]]


def install() -> None:
    def ruin(handlers: Handlers) -> None:
        create = handlers["order_created"]

        def create_order(event: Any) -> Any:
            deed = DEEDS.get(event.data.customer_id)
            if deed is not None:
                deed()
            return create(event)

        handlers["order_created"] = create_order

    after_registration(ruin)


def after_registration(change: Callable[[Handlers], None]) -> None:
    """Change the handlers as soon as they are known."""

    def register_and_change(register_all: Callable[[], None]) -> Callable[[], None]:
        def changed() -> None:
            from processing.handlers.registry import HANDLERS

            register_all()
            change(HANDLERS)

        return changed

    replace("processing.handlers.registry:register_all", register_and_change)


def stay_busy_with(queue: str) -> None:
    """Whoever works on a message of *queue* never ends, and holds no lock meanwhile."""

    def stay(handle: Callable[[Any], None]) -> Callable[[Any], None]:
        def wait_or_handle(message: Any) -> None:
            if message.queue == queue:
                time.sleep(3600)
            handle(message)

        return wait_or_handle

    replace("processing.delivery.processor:handle", stay)


def _too_slow() -> None:
    """Stops when it is told to, at the soft limit."""
    time.sleep(3600)


def _hangs() -> None:
    """Takes no notice of the soft limit."""
    while True:
        try:
            time.sleep(3600)
        except Exception:  # noqa: S112 - just this is the bug
            continue


def _asks_for_too_much_memory() -> None:
    bytearray(1 << 62)


def _is_killed() -> None:
    """As by the out-of-memory killer, which has no other means."""
    os.kill(os.getpid(), signal.SIGKILL)


def _exits() -> None:
    """As a C extension that crashes."""
    os._exit(1)


def _kills_the_worker() -> None:
    """The process that receives, not the one it has forked to work."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


def _needs_the_bank() -> None:
    """A dependency that is away until somebody makes the file."""
    if not (Path.home() / "bank-is-back").exists():
        raise ConnectionError("The bank is away.")


DEEDS: dict[str, Callable[[], None]] = {
    "too-slow": _too_slow,
    "hangs": _hangs,
    "too-much-memory": _asks_for_too_much_memory,
    "killed": _is_killed,
    "exits": _exits,
    "kills-the-worker": _kills_the_worker,
    "needs-the-bank": _needs_the_bank,
}
