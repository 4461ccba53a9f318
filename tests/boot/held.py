"""Write down which messages each worker holds, so that a run can tell when they were back, and
count those that ended."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tests.boot.on_import import replace

TAKEN, LET_GO, GIVEN_BACK = "taken", "let-go", "given-back"


def install(path: str, worker: str) -> None:
    """Append to the file at *path*; several workers may write to one."""

    def note(word: str, messages: Iterable[Any]) -> None:
        said = f"{time.time():.3f} {worker} {word}"
        lines = [f"{said} {one.id} {one.queue}\n" for one in messages]
        if lines:
            journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(journal, "".join(lines).encode())
            os.close(journal)

    def taking(add: Callable[..., Any]) -> Callable[..., Any]:
        def noted(joined: Any, queue: str, received: Any, largest: int) -> Any:
            note(TAKEN, received)
            return add(joined, queue, received, largest)

        return noted

    def letting_go(word: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(channel: Any, messages: Any) -> Any:
            note(word, [messages] if hasattr(messages, "id") else messages)
            return call(channel, messages)

        return noted

    replace("processing.worker.joined_polls:JoinedPolls.add", taking)
    for name, word in (
        ("_delete", LET_GO),
        ("_leave", LET_GO),
        ("_give_back", GIVEN_BACK),
    ):
        way = f"processing.worker.transport:Channel.{name}"
        replace(way, partial(letting_go, word))
