"""Holdfast beside stock Celery on SQS, and its triage desk beside itself with few letters:
`python -m benchmarks`, about fifteen minutes (`--only scale` for one part).

One call to SQS; A: accepting; B: processing,
with the database here and a millisecond away; C: accepting while SQS is slow or down; then
the desk; D: doing nothing.

Each comparison has both sides in the same run, on a machine that may be busy with other
things; so read the ratios, not the seconds. Nothing here passes or fails.
"""

import argparse
import signal
import sys
from math import nan
from typing import Any

from benchmarks.surroundings import surroundings

PARTS = ("call", "accept", "process", "far", "outage", "desk", "scale", "idle")
OUTAGE_CLIENTS = 8
OUTAGE_SECONDS = 8  # of each state


def main() -> None:
    options = _options()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with surroundings() as around:
        # These need Django, which needs the surroundings.
        from benchmarks import (
            accept,
            call,
            desk,
            far_database,
            idle,
            outage,
            process,
            scale,
        )

        if "call" in options.only:
            called = call.compare(rounds=options.rounds)
        if "accept" in options.only:
            print("Accepting, POST /api/orders:")
            accepted = accept.compare(
                around,
                clients=options.clients,
                rounds=options.rounds,
                seconds=options.seconds,
                workers=options.workers,
                threads=options.threads,
            )
        if "process" in options.only:
            print(f"Processing, {around.database}:")
            processed = process.compare(
                around,
                events=options.events,
                rounds=options.rounds,
                concurrency=options.concurrency,
            )
        if "far" in options.only and around.database == "PostgreSQL":
            print("Processing, PostgreSQL a millisecond away:")
            with far_database.before(around) as url:
                far = process.compare(
                    around,
                    events=options.events,
                    rounds=options.rounds,
                    concurrency=options.concurrency,
                    database_url=url,
                )
        if "outage" in options.only:
            print("Accepting, while SQS is healthy, slow and down:")
            states = outage.measure(
                around,
                clients=OUTAGE_CLIENTS,
                seconds=OUTAGE_SECONDS,
                workers=options.workers,
                threads=options.threads,
            )
        if "idle" in options.only:
            print(f"Idle for {options.idle:.0f} s, {around.database}.")
            nothing = idle.measure(around, seconds=options.idle)
        if "desk" in options.only:
            print(f"The desk's work, {around.database}:")
            desk.compare(moved=options.moved, rounds=options.rounds)
        if "scale" in options.only:
            print(f"Scale, {around.database}:")
            most = 1_000_000 if around.database == "PostgreSQL" else 100_000
            sizes = options.letters or [10_000, most]
            scale.compare(around.database, sizes, options.requests)
    if "call" in options.only:
        _report("One SendMessageBatch of five events", call.FIGURES, called)
    if "accept" in options.only:
        gunicorn = f"{options.workers} processes of {options.threads} threads"
        for number, sides in accepted.items():
            title = f"A  Accepted from {number} clients, gunicorn gthread, {gunicorn}"
            _report(title, accept.FIGURES, sides)
    if "process" in options.only:
        title = (
            f"B  Processed, {around.database}, {options.concurrency} processes a side"
        )
        _report(title, process.FIGURES, processed)
    if "far" in options.only and around.database == "PostgreSQL":
        _report("B  Processed, PostgreSQL a millisecond away", process.FIGURES, far)
    if "outage" in options.only:
        title = f"C  Accepted from {OUTAGE_CLIENTS} clients by what SQS does"
        title += f"; nobody should wait above {outage.BUDGET_MS:,.0f} ms for it"
        _list(title, outage.FIGURES, states)
    if "idle" in options.only:
        title = "D  Calls to SQS in 30 days without an event, of worker, jobs and beat"
        _list(title, idle.FIGURES, {"ours": nothing})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--rounds", type=int, default=3)
    accept = parser.add_argument_group("accepting")
    accept.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    accept.add_argument("--seconds", type=float, default=2, help="of one round")
    accept.add_argument("--workers", type=int, default=2, help="processes")
    accept.add_argument("--threads", type=int, default=16, help="of one process")
    process = parser.add_argument_group("processing")
    process.add_argument("--events", type=int, default=1500, help="of one round")
    process.add_argument("--concurrency", type=int, default=2, help="processes")
    parser.add_argument(
        "--idle", type=float, default=120, help="seconds of doing nothing"
    )
    desk = parser.add_argument_group("the desk's work")
    desk.add_argument("--moved", type=int, default=1_000, help="letters of one round")
    scale = parser.add_argument_group("scale")
    scale.add_argument(
        "--letters", type=int, nargs="+", help="few, then many; multiples of 1000"
    )
    scale.add_argument("--requests", type=int, default=20, help="of each screen")
    return parser.parse_args()


def _report(title: str, figures: dict[str, str], sides: dict[str, Any]) -> None:
    """A line a figure: ours as a multiple of each other side, then what was measured."""
    _, *others = sides
    print(f"\n{title}\n{'ours is':>22}", end="")
    print(*(f"{'x ' + name:>20}" for name in others), end="   |")
    print(*(f"{name:>16}" for name in sides))
    for field, unit in figures.items():
        values = {name: getattr(side, field) for name, side in sides.items()}
        print(f"{unit:>22}", end="")
        print(
            *(f"{_ratio(values['ours'], values[name]):>20.2f}" for name in others),
            end="   |",
        )
        print(*(f"{value:>16,.2f}" for value in values.values()))


def _ratio(ours: float, other: float) -> float:
    return ours / other if other else nan


def _list(title: str, figures: dict[str, str], states: dict[str, Any]) -> None:
    """A line a figure, as it was measured in each state."""
    print(f"\n{title}\n{'':>22}", *(f"{name:>16}" for name in states))
    for field, unit in figures.items():
        values = (getattr(state, field) for state in states.values())
        print(f"{unit:>22}", *(f"{value:>16,.1f}" for value in values))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
