"""The parts of a run. Each measures, and returns the function that reports it at the end."""

import sys
from argparse import Namespace
from collections.abc import Callable
from math import isnan, nan
from typing import Any

from benchmarks import (
    accept,
    call,
    cost,
    desk,
    far_database,
    history,
    idle,
    memory,
    metrics,
    outage,
    process,
    purging,
    scale,
    tracing,
)
from benchmarks.surroundings import Surroundings

OUTAGE_CLIENTS = 8
OUTAGE_SECONDS = 8  # of each state
Report = Callable[[], None]


def _call(around: Surroundings, options: Namespace) -> Report:
    called = call.compare(rounds=options.rounds)
    title = "One SendMessageBatch of five events"
    return lambda: _compared(title, call.FIGURES, called)


def _metrics(around: Surroundings, options: Namespace) -> Report:
    costs = metrics.compare(rounds=options.rounds)
    title = "What counting costs; 1.03 is 3 percent more"
    return lambda: _compared(title, metrics.FIGURES, costs)


def _tracing(around: Surroundings, options: Namespace) -> Report:
    costs = tracing.compare(rounds=options.rounds)

    def report() -> None:
        for what, sides in costs.items():
            _compared(f"What a trace costs: {what}", metrics.FIGURES, sides)

    return report


def _accept(around: Surroundings, options: Namespace) -> Report:
    print("Accepting, POST /api/orders:")
    accepted = accept.compare(
        around,
        clients=options.clients,
        rounds=options.rounds,
        seconds=options.seconds,
        workers=options.workers,
        threads=options.threads,
    )
    size = f"{options.workers} processes of {options.threads} threads"

    def report() -> None:
        for number, sides in accepted.items():
            title = f"A  Accepted from {number} clients, {size}"
            _compared(title, accept.FIGURES, sides)

    return report


def _processed(around: Surroundings, options: Namespace, **where: str) -> Any:
    return process.compare(
        around,
        events=options.events,
        rounds=options.rounds,
        concurrency=options.concurrency,
        **where,
    )


def _process(around: Surroundings, options: Namespace) -> Report:
    print(f"Processing, {around.database}:")
    processed = _processed(around, options)
    title = f"B  Processed, {around.database}, {options.concurrency} processes a side"
    return lambda: _compared(title, process.FIGURES, processed)


def _far(around: Surroundings, options: Namespace) -> Report:
    if around.database != "PostgreSQL":
        return lambda: None
    print("Processing, PostgreSQL a millisecond away:")
    with far_database.before(around) as url:
        processed = _processed(around, options, database_url=url)
    title = "B  Processed, PostgreSQL a millisecond away"
    return lambda: _compared(title, process.FIGURES, processed)


def _outage(around: Surroundings, options: Namespace) -> Report:
    print("Accepting, while SQS is healthy, slow and down:")
    states = outage.measure(
        around,
        clients=OUTAGE_CLIENTS,
        seconds=OUTAGE_SECONDS,
        workers=options.workers,
        threads=options.threads,
    )
    title = f"C  Accepted from {OUTAGE_CLIENTS} clients by what SQS does"
    title += f"; nobody should wait above {outage.BUDGET_MS:,.0f} ms for it"
    return lambda: _listed(title, outage.FIGURES, states)


def _idle(around: Surroundings, options: Namespace) -> Report:
    print(f"Idle for {options.idle:.0f} s, {around.database}.")
    nothing = idle.measure(around, seconds=options.idle)
    title = "D  Calls to SQS in 30 days without an event, of worker, jobs and beat"
    return lambda: _listed(title, idle.FIGURES, {"ours": nothing})


def _desk(around: Surroundings, options: Namespace) -> Report:
    print(f"The desk's work, {around.database}:")
    desk.compare(moved=options.moved, rounds=options.rounds)
    return lambda: None  # reported already


def _scale(around: Surroundings, options: Namespace) -> Report:
    print(f"Scale, {around.database}:")
    most = 1_000_000 if around.database == "PostgreSQL" else 100_000
    sizes = options.letters or [10_000, most]
    scale.compare(around.database, sizes, options.requests)
    return lambda: None  # reported already


def _memory(around: Surroundings, options: Namespace) -> Report:
    print(f"Memory, {around.database}:")
    found = memory.watch(
        around, seconds=60 * options.minutes, events=options.memory_events
    )

    def report() -> None:
        _listed("E  Memory of each line of the Procfile", memory.FIGURES, found)
        if leaks := memory.leaks(found):
            sys.exit("\n".join(leaks))

    return report


def _history(around: Surroundings, options: Namespace) -> Report:
    print(f"History, {around.database}:")
    history.compare(around.database, options.outcomes, options.requests)
    purging.compare(around.database, options.outcomes[-1], options.requests)
    return lambda: None  # reported already


def _cost(around: Surroundings, options: Namespace) -> Report:
    print(f"What one order takes, {around.database}:")
    found = cost.measure(around)
    title = f"G  One order, by how orders come, {around.database}"
    return lambda: _listed(title, cost.FIGURES, found)


RUN: dict[str, Callable[[Surroundings, Namespace], Report]] = {
    "call": _call,
    "metrics": _metrics,
    "tracing": _tracing,
    "accept": _accept,
    "process": _process,
    "far": _far,
    "outage": _outage,
    "idle": _idle,
    "desk": _desk,
    "scale": _scale,
    "memory": _memory,
    "history": _history,
    "cost": _cost,
}


def _compared(title: str, figures: dict[str, str], sides: dict[str, Any]) -> None:
    """A line a figure: ours as a multiple of each other side, then what was measured."""
    _, *others = sides
    print(f"\n{title}\n{'ours is':>22}", end="")
    print(*(f"{'x ' + name:>20}" for name in others), end="   |")
    print(*(f"{name:>16}" for name in sides))
    for field, unit in figures.items():
        values = {name: getattr(side, field) for name, side in sides.items()}
        if isnan(values["ours"]):  # not known of this database
            continue
        print(f"{unit:>22}", end="")
        print(
            *(f"{_ratio(values['ours'], values[name]):>20.2f}" for name in others),
            end="   |",
        )
        print(*(f"{value:>16,.2f}" for value in values.values()))


def _ratio(ours: float, other: float) -> float:
    return ours / other if other else nan


def _listed(title: str, figures: dict[str, str], states: dict[str, Any]) -> None:
    """A line a figure, as it was measured in each state."""
    print(f"\n{title}\n{'':>22}", *(f"{name:>16}" for name in states))
    for field, unit in figures.items():
        values = (getattr(state, field) for state in states.values())
        print(f"{unit:>22}", *(f"{value:>16,.{_digits(value)}f}" for value in values))


def _digits(value: float) -> int:
    """Behind the point: two where one would hide a difference."""
    return 2 if value < 10 else 1
