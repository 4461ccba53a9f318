"""The processes of a run, their processor time, and their certain end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")  # a second


class Child:
    """A program with all the processes it starts, as one group."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], log: Path):
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env={**os.environ, **env},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own; Ctrl-C reaches only us
            )

    def check(self) -> None:
        """Raises RuntimeError with the end of its log when it has stopped."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} stopped:\n{self.log_end()}")

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def freeze(self) -> None:
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def cpu(self) -> float:
        """Seconds of processor time, user and system, of all processes in the group."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            if int(fields[2]) == self._process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS


@contextmanager
def running(
    name: str, *arguments: str, env: dict[str, str], folder: Path
) -> Iterator[Child]:
    """Start `python -m` with *arguments*; whatever happens, it is gone at the end."""
    child = Child(name, list(arguments), env, folder / f"{name}.log")
    try:
        yield child
    finally:
        child.kill()
