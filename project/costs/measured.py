"""What one order takes, as the benchmarks measured it, and what was assumed.

`python -m benchmarks --only cost` with PostgreSQL prints the figures of PATTERNS, on two shared
cores on 2026-11-26. `--only idle` prints IDLE_CALLS, and `--only memory` shows that TASK_GB suffices.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one order takes when orders come so. Calls to SQS, milliseconds, bytes."""

    sends: float
    receives: float
    deletes: float
    web_cpu_ms: float
    worker_cpu_ms: float
    log_bytes: float


PATTERNS = {
    "trickle": Pattern(1.00, 1.00, 1.00, 3.17, 7.00, 430),
    "steady": Pattern(0.99, 0.31, 0.15, 2.07, 2.55, 435),
    "burst": Pattern(0.14, 0.10, 0.10, 1.03, 1.04, 437),
}
"""Measured at 2 orders a second, at 50, and from 32 clients without a pause."""
STEADY_FROM = 10
BURST_FROM = 100  # orders a second
TABLE_BYTES = 1_250  # tables and indexes of an order of two lines, PostgreSQL
IDLE_CALLS = 1.39e6  # to SQS in a month without orders, one worker

# Assumed: nobody measured these.
TASK_CPU = 0.25  # vCPU of one Fargate task
TASK_GB = 0.5
BUSY = 0.5  # of a task's processor, so that there is room for peaks
MANY = 100  # orders a second on average, too many for a small database
ALARMS = 20
ORDERS_OF_A_BALANCER_UNIT = 25 * 3600  # in an hour, each over a connection of its own
LAMBDA_GB = 0.5
LAMBDA_MS = 50  # of one order, if --lambda-ms does not say otherwise
LAMBDA_IDLE_CALLS = 5 * 3 * 60 * 24 * 30  # five pollers of 20 s
