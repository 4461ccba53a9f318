import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.live import PATIENCE, wait_for
from tests.processing.management.left_over import processes_with
from tests.signals import ASKS_TO_STOP, hear_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# A child of a child, and one that does not obey SIGTERM.
PROGRAM = """
import os, sys
from processing.management.supervisor import *

supervisor = Supervisor(sys.stdout, patience=float(sys.argv[1]))
shell = "{}; sleep 600 & echo started; wait; wait"
try:
    with supervisor.listening():
        supervisor.start("obedient", ["sh", "-c", shell.format(":")], os.environ)
        supervisor.start("deaf", ["sh", "-c", shell.format("trap '' TERM")], os.environ)
        supervisor.watch()
except StopAskedError:
    supervisor.say("Stopped.")
except ChildEndedError as error:
    sys.exit(f"{error}")
"""


class Program:
    """PROGRAM in a process of its own, known by a mark that its children inherit."""

    def __init__(self, patience: float, hears: Callable[[], None] = hear_all) -> None:
        mark = uuid4().hex
        self.mark = f"SUPERVISED={mark}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(patience)],
            env={**os.environ, "SUPERVISED": mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=hears,
            text=True,
        )
        self._end = threading.Timer(
            PATIENCE, self.kill
        )  # or a read could last for ever
        self._end.start()
        assert self.process.stdout is not None
        self.output = self.process.stdout
        lines = sorted(self.output.readline() for _ in range(2))
        assert lines == ["deaf   | started\n", "obedient | started\n"]

    def left(self) -> dict[int, str]:
        return processes_with(self.mark)

    def kill(self) -> None:
        self._end.cancel()
        for pid in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def program() -> Iterator[Program]:
    yield from run(patience=0.3)


@pytest.fixture
def patient_program() -> Iterator[Program]:
    yield from run(patience=600)


@pytest.fixture
def program_of_nohup() -> Iterator[Program]:
    yield from run(patience=0.3, hears=ignore_hang_ups)


def ignore_hang_ups() -> None:
    hear_all()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def run(patience: float, hears: Callable[[], None] = hear_all) -> Iterator[Program]:
    program = Program(patience, hears)
    yield program
    program.kill()
    program.output.close()
    program.process.wait()


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN], ids=["heard", "ignored"])
def signals_here(request: pytest.FixtureRequest) -> Iterator[None]:
    """As the tests' own process has them: those that `nohup` starts ignore some."""
    before = {number: signal.signal(number, request.param) for number in ASKS_TO_STOP}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_here")
@pytest.mark.parametrize("number", ASKS_TO_STOP)
def test_a_signal_stops_every_process_also_one_that_hangs(
    number: signal.Signals, request: pytest.FixtureRequest
) -> None:
    program: Program = request.getfixturevalue("program")
    program.process.send_signal(number)
    assert program.process.wait(timeout=10) == 0
    said = program.output.read()
    assert "deaf does not stop; killed." in said
    assert said.endswith("Stopped.\n")
    wait_for(lambda: not program.left(), patience=5)


def test_what_nohup_started_goes_on_when_its_terminal_closes(
    program_of_nohup: Program,
) -> None:
    status = Path(f"/proc/{program_of_nohup.process.pid}/status").read_text()
    heard = {
        number.name
        for number in ASKS_TO_STOP
        if int(re.findall(r"SigCgt:\t(\w+)", status)[0], 16) >> number - 1 & 1
    }
    assert heard == {"SIGINT", "SIGTERM"}


IN_TURN = """
import os, sys
from pathlib import Path
from processing.management.supervisor import Supervisor

folder = Path(sys.argv[1])
shell = f"trap 'echo $0 >> {folder}/ended; exit' TERM; touch {folder}/$0; while :; do sleep 0.05; done"
supervisor = Supervisor(sys.stdout, patience=60)
for name in ("sqs", "web", "jobs"):
    supervisor.start(name, ["sh", "-c", shell, name], os.environ)
supervisor.wait_until(lambda: len(list(folder.iterdir())) == 3)
supervisor.stop()
"""


def test_the_last_that_was_started_is_stopped_first(tmp_path: Path) -> None:
    program = [sys.executable, "-c", IN_TURN, str(tmp_path)]
    subprocess.run(program, check=True, timeout=PATIENCE, capture_output=True)
    assert (tmp_path / "ended").read_text().split() == ["jobs", "web", "sqs"]


def test_a_second_ctrl_c_kills_at_once(patient_program: Program) -> None:
    patient_program.process.send_signal(signal.SIGINT)
    assert patient_program.output.readline().startswith("Stopping.")
    patient_program.process.send_signal(signal.SIGINT)
    assert patient_program.process.wait(timeout=10) == 0
    wait_for(lambda: not patient_program.left(), patience=5)


def test_an_output_that_nobody_reads_any_more_stops_everything(
    program: Program,
) -> None:
    program.output.close()
    program.process.wait(timeout=10)
    wait_for(lambda: not program.left(), patience=5)


def test_a_child_that_ends_is_named_with_its_last_lines(program: Program) -> None:
    shell = next(
        pid for pid, name in program.left().items() if name.startswith("sh -c :")
    )
    os.kill(shell, signal.SIGKILL)
    assert program.process.wait(timeout=10) == 1
    said = program.output.read()
    assert "obedient was killed by SIGKILL. Its last lines:\n    started" in said
    wait_for(lambda: not program.left(), patience=5)


def test_children_are_told_to_stop_when_the_supervisor_itself_is_killed(
    program: Program,
) -> None:
    obedient = [
        pid for pid, name in program.left().items() if name.startswith("sh -c :")
    ]
    program.process.kill()
    wait_for(lambda: not set(obedient) & set(program.left()), patience=5)
