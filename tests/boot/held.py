"""Write down which messages each worker holds, so that a run can tell when they were back."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from tests.boot.on_import import replace

TAKEN, LET_GO = "taken", "let-go"


def install(path: str, worker: str) -> None:
    """Append to the file at *path*; several workers may write to one."""

    def note(word: str, messages: Iterable[Any]) -> None:
        lines = [f"{time.time():.3f} {worker} {word} {one.id}\n" for one in messages]
        if lines:
            journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(journal, "".join(lines).encode())
            os.close(journal)

    def taking(tie: Callable[..., Any]) -> Callable[..., Any]:
        def noted(channel: Any, queue: str, received: Any) -> Any:
            note(TAKEN, received)
            return tie(channel, queue, received)

        return noted

    def letting_go(call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(channel: Any, messages: Any) -> Any:
            note(LET_GO, [messages] if hasattr(messages, "id") else messages)
            return call(channel, messages)

        return noted

    replace("processing.worker.transport:Channel._tie", taking)
    for name in ("_delete", "_leave", "_give_back"):
        replace(f"processing.worker.transport:Channel.{name}", letting_go)
