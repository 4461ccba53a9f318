"""Holdfast beside stock Celery on SQS, and its triage desk beside itself with few letters:
`python -m benchmarks`, about half an hour (`--only scale` for one part).

One call to SQS; counting for the metrics; traces; A: accepting; B: processing, with the database
here and a millisecond away; C: accepting while SQS is slow or down; then the desk; D: doing nothing; E: memory;
F: a long history; G: what one order takes.

Each comparison has both sides in the same run, on a machine that may be busy with other
things; so read the ratios, not the seconds. Nothing here passes or fails, but memory that
grows.
"""

import argparse
import signal
import sys

from benchmarks.surroundings import surroundings

PARTS = (
    *(
        "call",
        "metrics",
        "tracing",
        "accept",
        "process",
        "far",
        "outage",
        "idle",
        "desk",
    ),
    *("scale", "history", "memory", "cost"),
)


def main() -> None:
    options = _options()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with surroundings() as around:
        from benchmarks import parts  # needs Django, which needs the surroundings

        reports = [
            parts.RUN[name](around, options) for name in PARTS if name in options.only
        ]
    for report in reports:
        report()


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
    parser.add_argument(
        "--minutes",
        type=float,
        default=10,
        help="of the memory's run; in less than four, caches still fill",
    )
    parser.add_argument(
        "--memory-events",
        type=int,
        default=0,
        help="the memory's run goes on until so many were processed",
    )
    desk = parser.add_argument_group("the desk's work")
    desk.add_argument("--moved", type=int, default=1_000, help="letters of one round")
    scale = parser.add_argument_group("scale")
    scale.add_argument(
        "--letters", type=int, nargs="+", help="few, then many; multiples of 1000"
    )
    scale.add_argument("--requests", type=int, default=20, help="of each screen")
    scale.add_argument(
        "--outcomes",
        type=int,
        nargs="+",
        default=[10_000, 1_000_000],
        help="few, then many; a tenth as many attempts",
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
