"""Child processes that are started, watched and stopped together, none left behind.

Each child leads a session of its own: a Ctrl-C in the terminal reaches only us, so that
the children stop in our order, and the processes that a child started are killed with it.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

COLOURS = (36, 32, 33, 35)  # ANSI: cyan, green, yellow, magenta
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class StopAskedError(Exception):
    """Somebody pressed Ctrl-C, or nobody is there to read what we say."""


class ChildEndedError(Exception):
    """A child ended on its own; the text says which, how, and its last lines."""


@dataclass(frozen=True)
class Child:
    name: str
    process: "subprocess.Popen[str]"
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=12))

    def how_it_ended(self) -> str:
        code = self.process.returncode
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


class Supervisor:
    def __init__(self, out: TextIO, patience: float = 10) -> None:
        """*patience*: seconds a child has to stop before it is killed."""
        self._out = out
        self._patience = patience
        self._children: list[Child] = []
        self._readers: list[threading.Thread] = []
        self._stops_asked = 0
        self._printing = threading.Lock()

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        process = subprocess.Popen(  # noqa: S603 - the commands are the caller's own
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            umask=0o077,  # what it writes is nobody else's
            preexec_fn=die_with_parent,
        )
        child = Child(name, process)
        colour = COLOURS[len(self._children) % len(COLOURS)]
        self._children.append(child)
        reader = threading.Thread(
            target=self._pass_on, args=(child, colour), daemon=True
        )
        self._readers.append(reader)
        reader.start()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Raises StopAskedError or ChildEndedError if that comes first."""
        while not ready():
            self._look()
            time.sleep(0.05)

    def watch(self) -> None:
        """Until StopAskedError or ChildEndedError."""
        self.wait_until(lambda: False)

    def _look(self) -> None:
        if self._stops_asked or self._nobody_reads():
            raise StopAskedError
        for child, reader in zip(self._children, self._readers, strict=True):
            if child.process.poll() is not None:
                reader.join(timeout=1)  # its last words
                said = "\n".join(f"    {line}" for line in child.last_lines)
                raise ChildEndedError(
                    f"{child.name} {child.how_it_ended()}. "
                    + (f"Its last lines:\n{said}" if said else "It said nothing.")
                )

    def stop(self) -> None:
        """Last started, first stopped."""
        self.say("Stopping. Ctrl-C again kills at once.")
        for child in reversed(self._children):
            child.process.terminate()
            deadline = time.monotonic() + self._patience
            while child.process.poll() is None:
                if time.monotonic() > deadline or self._stops_asked > 1:
                    self.say(f"{child.name} does not stop; killed.")
                    break
                time.sleep(0.05)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()

    # -- signals --------------------------------------------------------------------
    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note the signals that ask us to stop, and stop every child at the end."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(number, self._ask_to_stop)
        try:
            yield
        finally:
            self.stop()

    def _ask_to_stop(self, *_: object) -> None:
        self._stops_asked += 1

    # -- output ---------------------------------------------------------------------
    def _pass_on(self, child: Child, colour: int) -> None:
        prefix = f"{child.name:<6} | "
        if self._out.isatty():
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        assert child.process.stdout is not None  # noqa: S101 - it is a pipe
        for line in child.process.stdout:
            child.last_lines.append(line.rstrip())
            self.say(prefix + line.rstrip())

    def say(self, text: str) -> None:
        with self._printing, contextlib.suppress(OSError):  # as after a hang-up
            self._out.write(f"{text}\n")
            self._out.flush()

    def _nobody_reads(self) -> bool:
        """A terminal that closes tells the leader of its session, which need not be us."""
        watch = select.poll()
        watch.register(self._out, 0)
        return any(
            seen & (select.POLLHUP | select.POLLERR) for _, seen in watch.poll(0)
        )


def die_with_parent() -> None:
    """A child is told to stop even when we are killed and cannot tell it (Linux)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
