"""Plant each defect, and see it caught: by one crash point, or by a short run under fire."""

import os
import random
import re
import subprocess
import sys

from tests.boot import ROOT
from tests.boot.defects import DEFECTS

SWEEP = "tests/crash_points/test_crash_points.py"
SECONDS = "25"
#: What the books of a chaos run say of a defect.
SEEN_AS = {
    "ack on failure": "LOST",
    "no outcome": "took effect",
    "stock transport": "LOST",
    "accepted in memory": "LOST",
}
#: The crash point that sees a defect; the others need the chaos run.
CAUGHT_BY = {
    "ack before work": "test_process[before processing.services:process 1]",
    "delete from the DLQ before storing": "test_pull[after processing.queues:receive 1]",
    "no tombstone": "test_discard[after dlq_review.settling:discard 1]",
    "redrive without compare-and-set": "test_of_two_who_redrive_at_once_one_is_told",
    "spool row deleted before send": (
        "test_relay[before processing.queues:publish_many 1]"
    ),
    "follow-ups only in memory": (
        "test_process_with_a_follow_up[before processing.queues:publish_many 1]"
    ),
}


def try_all(sample: int | None, seed: int) -> int:
    """0 when every defect (or *sample* of them, as the seed chooses) was caught."""
    names = list(DEFECTS)
    if sample is not None:
        names = random.Random(seed).sample(names, min(sample, len(names)))
    survived = [name for name in names if not _caught(name, seed)]
    _say(f"{len(names) - len(survived)} of {len(names)} defects caught; seed {seed}.")
    return 1 if survived else 0


def _caught(name: str, seed: int) -> bool:
    test = CAUGHT_BY.get(name)
    found = _sweep(test, name) if test else _chaos(name, seed)
    _say(f"{name:>36}  {'caught: ' + found if found else 'SURVIVED'}")
    return bool(found)


def _sweep(test: str, name: str) -> str:
    """The assertion that failed; nothing where the test passed or never came to it."""
    environment = {**os.environ, "DEFECT": name}
    said = _run(["pytest", "-p", "no:cacheprovider", f"{SWEEP}::{test}"], environment)
    if said.returncode != 1 or "never passed" in said.stdout:
        return ""
    failed = re.search(r"^E\s+(.*)$", said.stdout, re.MULTILINE)
    return f"{test}: {failed[1]}" if failed else ""


def _chaos(name: str, seed: int) -> str:
    command = ["tests.chaos", "--seconds", SECONDS, "--seed", str(seed)]
    said = _run([*command, "--defect", name], dict(os.environ))
    wrong = re.compile(rf"^WRONG: (.*{SEEN_AS[name]}.*)$", re.MULTILINE)
    found = wrong.search(said.stdout)
    return found[1] if said.returncode == 1 and found else ""


def _run(
    command: list[str], environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
