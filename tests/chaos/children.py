"""The processes of a run. Each is a group of its own and certainly gone at the end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from processing.management.supervisor import die_with_parent

PATIENCE = 40  # seconds a process has to stop after SIGTERM; billiard may take 30


class Child:
    """A program that is started again whenever it ends."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], log: Path):
        self.name = name
        self.arguments = arguments
        self.env = env
        self.log = log
        self.starts = 0
        self.expected_to_end = False
        self.unexpected: list[str] = []
        """How it ended each time that nobody had killed it."""
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.expected_to_end = False
        env = {**self.env, "CRASH_SEED": f"{self.env['CRASH_SEED']}/{self.starts}"}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self.arguments],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._log_begins = self.log.stat().st_size

    def revive(self) -> bool:
        """Start it again if it has ended; whether it had."""
        if self._process.poll() is None:
            return False
        if not self.expected_to_end and not self._died_at_a_crash_point():
            self.unexpected.append(f"{self.name} ended with {self._process.returncode}")
        self._sweep_up()
        self.start()
        return True

    def _died_at_a_crash_point(self) -> bool:
        said = self.log.read_bytes()[self._log_begins :]
        return self._process.returncode == -signal.SIGKILL and b"crash_point=" in said

    # -- what the nemesis does ------------------------------------------------------
    def kill(self) -> None:
        self.expected_to_end = True
        self._signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """As a platform does it: to the process it started, which tells its own."""
        self.expected_to_end = True
        if self._process.poll() is None:
            self._process.terminate()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill_one_of_its_own(self, choice: float) -> bool:
        """SIGKILL to a process it has forked, as the out-of-memory killer does."""
        found = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, check=False
        ).stdout.split()
        if not found:
            return False
        os.kill(int(found[int(choice * len(found))]), signal.SIGKILL)
        return True

    # -- the end ----------------------------------------------------------------------
    def stop(self) -> None:
        """Wait for what was terminated; SIGKILL when it has not heard."""
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            before = self.log.stat().st_size
            self._signal(signal.SIGUSR2)  # its log then tells where it hangs
            time.sleep(1)
            where = self.log.read_bytes()[before:][-8_000:].decode(errors="replace")
            self.unexpected.append(f"{self.name} does not stop after SIGTERM\n{where}")
        self._sweep_up()

    def _sweep_up(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
