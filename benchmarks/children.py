"""The processes of a run, their processor time, and their certain end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        return sum(int(one[11]) + int(one[12]) for _, one in self._stats()) / _TICKS

    def pss(self) -> float:
        """MiB of memory of all processes in the group; what they share counts once."""
        kib = 0
        for folder, _ in self._stats():
            with suppress(OSError):  # it ended meanwhile
                rollup = (folder / "smaps_rollup").read_text()
                kib += int(rollup.partition("\nPss:")[2].split()[0])
        return kib / 1024

    def _stats(self) -> Iterator[tuple[Path, list[str]]]:
        """The folder in /proc and the fields of `stat` of each process in the group."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._process.pid:
                    yield folder, fields


def cpu_of_sessions(database: str) -> float:
    """Seconds of processor time of the sessions that PostgreSQL has on *database*, here."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            title = (folder / "cmdline").read_bytes().decode(errors="replace")
            if title.startswith("postgres:") and f" {database} " in title:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
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
