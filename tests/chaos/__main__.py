"""The whole system under fire: `python -m tests.chaos --seconds 60`.

Exits with 0 when the books balance, 1 when they do not, 3 when the run is void because a
fault never fired (--tries 3: then another seed has its turn). Everything about a failing
run stays in var/chaos/<seed>.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
from typing import NoReturn

from tests.boot import ROOT, short_times
from tests.chaos import regressions
from tests.chaos.databases import database_for
from tests.chaos.planted import try_all
from tests.chaos.surroundings import Surroundings, surroundings

BALANCED, WRONG, VOID = 0, 1, 3


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.defects:
        return try_all(options.sample, options.seed)
    if options.regressions:
        return max(_in_a_process_of_its_own(seed) for seed in regressions.seeds())
    verdict = one_run(options.seed, options)
    if verdict == VOID and options.tries > 1:
        _try_again(options)
    return verdict


def _in_a_process_of_its_own(seed: int) -> int:
    """Django can be set up for one database only."""
    command = [sys.executable, "-m", "tests.chaos", "--seed", str(seed)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _try_again(options: argparse.Namespace) -> NoReturn:
    # The run before left its own database, dropped by now, in DATABASE_URL.
    changed = {
        "seed": options.seed + 1,
        "tries": options.tries - 1,
        "database": options.database,
    }
    again = [f"--{name}={value}" for name, value in changed.items()]
    command = [sys.executable, "-m", "tests.chaos", *sys.argv[1:], *again]
    os.execv(sys.executable, command)  # noqa: S606


def one_run(seed: int, options: argparse.Namespace) -> int:
    folder = ROOT / "var" / "chaos" / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = database_for(options.database, seed, folder)
    say(f"seed {seed}, {options.seconds:.0f} s, {database.kind}, logs in {folder}")
    with surroundings(folder, seed, database, options.defect) as around:
        verdict = _report(around, options.seconds)
    if verdict == BALANCED and not options.keep:
        shutil.rmtree(folder)
    return verdict


def _report(around: Surroundings, seconds: float) -> int:
    # In this process too, so that the queues it makes are those the children expect.
    short_times.install(3)
    import django

    django.setup()
    from tests.chaos.run import Run

    result = Run(around, seconds)()
    for name, figure in result.figures.items():
        say(f"{name:>18}  {figure}")
    say(f"{'fired':>18}  {result.fired}")
    for recovery in result.recovered:
        say(f"{'recovered':>18}  {recovery}")
    for sentence in result.violations[:40]:
        say(f"WRONG: {sentence}")
    if result.violations:
        say(f"{len(result.violations)} violations; seed {around.seed}.")
        return WRONG
    if result.never_fired:
        say(f"VOID: never fired: {', '.join(result.never_fired)}.")
        return VOID
    say(f"The books balance; seed {around.seed}.")
    return BALANCED


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--seconds", type=float, default=60, help="of load and faults")
    add("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    add("--tries", type=int, default=1, help="while the run is void")
    add("--database", default=os.environ.get("DATABASE_URL", ""), help="or sqlite")
    add("--keep", action="store_true", help="the logs of a run that balances, too")
    add("--regressions", action="store_true", help="run every seed that ever failed")
    add("--defect", default="", help="plant this one")
    add("--defects", action="store_true", help="plant each one: all must be caught")
    add("--sample", type=int, help="of the defects, so many chosen by the seed")
    return parser.parse_args()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
