"""Plant each defect, and see it caught by every layer of the harness that claims to.

The layers, the quickest first: random schedules of the simulation, one crash point, a
short run under fire.
"""

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests import boot

SIMULATION = "tests/simulation"
CRASH_POINTS = "tests/crash_points"
SCHEDULES = "1000"  # at most; each was seen within the 200 of every run of the tests
SECONDS = "25"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What sees a defect: what the books say of it, or a crash point, by file and test."""

    simulation: str = ""
    crash_point: str = ""
    chaos: str = ""


WITNESSES = {
    "ack before work": Witnesses(
        simulation="lost",
        crash_point="test_processing.py::test_process[before processing.delivery.processor:process 1]",
    ),
    "ack on failure": Witnesses(simulation="lost", chaos="LOST"),
    "done before work": Witnesses(chaos="LOST"),
    "set half committed": Witnesses(
        simulation="is processed",
        crash_point="test_processing.py::test_process_in_a_set[after processing.models.requests:Outcome.claim_many 1]",
        chaos="took no effect|took effect and is not processed",
    ),
    "neighbour blamed": Witnesses(simulation="blamed for a neighbour"),
    "delete from the DLQ before storing": Witnesses(
        simulation="out of sight|lost",
        crash_point="test_review.py::test_pull[after processing.sqs.queues:receive 1]",
    ),
    "no outcome": Witnesses(
        simulation="an effect twice|an effect and no outcome", chaos="took effect"
    ),
    "no tombstone": Witnesses(
        simulation="lost",
        crash_point="test_review.py::test_discard[after dlq_review.letters.settlement:discard 1]",
    ),
    "redrive without compare-and-set": Witnesses(
        simulation="sent and not counted",
        crash_point="test_review.py::test_of_two_who_redrive_at_once_one_is_told",
    ),
    "redrive sent before it is claimed": Witnesses(
        simulation="a redrive nobody asked for",
    ),
    "stock transport": Witnesses(chaos="LOST"),
    "spool row deleted before send": Witnesses(
        simulation="lost",
        crash_point="test_processing.py::test_relay[before processing.sqs.publisher:publish_many 1]",
    ),
    "follow-ups only in memory": Witnesses(
        simulation="a follow-up lost",
        crash_point=(
            "test_processing.py::test_process_with_a_follow_up[before processing.sqs.publisher:publish_many 1]"
        ),
    ),
    "accepted in memory": Witnesses(simulation="lost", chaos="LOST"),
}


def try_all(sample: int | None, seed: int) -> int:
    """0 when every defect was caught by all its witnesses.

    *sample* takes so many defects, as the seed chooses, and the quickest witness of each.
    """
    names = list(WITNESSES)
    if sample is not None:
        names = random.Random(seed).sample(names, min(sample, len(names)))
    tried = [
        (name, witness)
        for name in names
        for witness in _witnesses(name, seed)[: 1 if sample is not None else None]
    ]
    survived = [name for name, witness in tried if not _caught(name, witness)]
    _say(f"{len(tried) - len(survived)} of {len(tried)} times caught; seed {seed}.")
    return 1 if survived else 0


def _witnesses(name: str, seed: int) -> list[Callable[[], str]]:
    """Each returns what it saw; nothing where the defect survived."""
    known = WITNESSES[name]
    found: list[Callable[[], str]] = []
    if known.simulation:
        found.append(lambda: _simulation(name, known.simulation))
    if known.crash_point:
        found.append(lambda: _crash_point(name, known.crash_point))
    if known.chaos:
        found.append(lambda: _chaos(name, known.chaos, seed))
    return found


def _caught(name: str, witness: Callable[[], str]) -> bool:
    seen = witness()
    _say(f"{name:>36}  {'caught: ' + seen if seen else 'SURVIVED'}")
    return bool(seen)


def _simulation(name: str, sentence: str) -> str:
    changes = boot.environment(DEFECT=name, SIMULATION_SCHEDULES=SCHEDULES)
    environment = {**os.environ, **changes}
    said = _run(
        ["pytest", "-p", "no:cacheprovider", "-m", "not siege", SIMULATION], environment
    )
    failed = re.search(rf"^E\s+AssertionError: (.*({sentence}).*)$", said.stdout, re.M)
    return f"the simulation: {failed[1]}" if failed else ""


def _crash_point(name: str, test: str) -> str:
    """The assertion that failed; nothing where the test passed or never came to it."""
    environment = {**os.environ, "DEFECT": name}
    said = _run(
        ["pytest", "-p", "no:cacheprovider", f"{CRASH_POINTS}/{test}"], environment
    )
    if said.returncode != 1 or "never passed" in said.stdout:
        return ""
    failed = re.search(r"^E\s+(.*)$", said.stdout, re.MULTILINE)
    return f"{test}: {failed[1]}" if failed else ""


def _chaos(name: str, sentence: str, seed: int) -> str:
    command = ["tests.chaos", "--seconds", SECONDS, "--seed", str(seed)]
    said = _run([*command, "--defect", name], dict(os.environ))
    found = re.search(rf"^WRONG: (.*{sentence}.*)$", said.stdout, re.MULTILINE)
    return f"chaos: {found[1]}" if said.returncode == 1 and found else ""


def _run(
    command: list[str], environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=boot.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
