"""What goes wrong, and when: a schedule that the seed decides."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tests.chaos.databases import BusyError
from tests.chaos.faults import HANGING, NO_CREDENTIALS, REFUSED, SQS_FAULTS
from tests.chaos.recovery import Kill
from tests.chaos.surroundings import Surroundings

PROCESS_FAULTS = {
    "kill -9 worker": ("worker-1", "worker-2"),
    "kill -9 web": ("web",),
    "kill -9 beat": ("beat",),
    "kill -9 staff": ("staff-ada", "staff-bob"),
    "kill -9 one forked child": ("worker-1", "worker-2", "web"),
    "SIGTERM": ("worker-1", "worker-2", "web", "beat"),
    "freeze": ("worker-1", "worker-2", "web"),
}
AWAY = 4  # seconds that the database or SQS is gone
HANGS = 9  # seconds; longer than a soft time limit
NO_KEYS = 10  # seconds; longer than keys last
FROZEN = 14  # seconds; longer than the visibility timeout


@dataclass(frozen=True, slots=True)
class Planned:
    at: float
    """Seconds from the begin of the run."""
    fault: str
    choice: float
    """0 to 1: which one, where the fault may hit several."""


def schedule(seed: int, seconds: float, kinds: list[str]) -> list[Planned]:
    """Every kind once, in a random order; then again, as long as there is time."""
    chance = random.Random(f"{seed}/nemesis")
    rounds = max(1, round(seconds / len(kinds) / 2.2))
    faults: list[str] = []
    for _ in range(rounds):
        faults += chance.sample(kinds, len(kinds))
    step = seconds * 0.95 / len(faults)
    return [
        Planned(step * (number + chance.random() * 0.5), fault, chance.random())
        for number, fault in enumerate(faults)
    ]


class Nemesis:
    def __init__(self, around: Surroundings, seconds: float) -> None:
        self._around = around
        self._sqs = {fault.name: fault for fault in SQS_FAULTS}
        self.kinds = [
            *self._sqs,
            REFUSED,
            NO_CREDENTIALS,
            *PROCESS_FAULTS,
            *around.database.faults,
        ]
        self._plan = schedule(around.seed, seconds, self.kinds)
        self._endings: list[tuple[float, Callable[[], object]]] = []
        self._out_until: defaultdict[str, float] = defaultdict(float)
        self.done: Counter[str] = Counter()
        self.killed_workers: list[Kill] = []

    def act(self, now: float) -> None:
        """Whatever is due *now* seconds after the begin."""
        for ending in [one for one in self._endings if one[0] <= now]:
            self._endings.remove(ending)
            ending[1]()
        while self._plan and self._plan[0].at <= now:
            self._strike(self._plan.pop(0), now)

    def heal(self) -> None:
        for _, end in self._endings:
            end()
        self._endings.clear()
        self._around.proxy.heal()

    def never_fired(self) -> list[str]:
        fired = self.done + self._around.fired_so_far()
        return [kind for kind in self.kinds if not fired[kind]]

    def _strike(self, planned: Planned, now: float) -> None:
        fault = planned.fault
        with (self._around.folder / "nemesis.log").open("a") as log:
            log.write(f"time={datetime.now(UTC):%F %T} fault={fault}")
            log.write(f" choice={planned.choice:.3f}\n")
        if fault in self._sqs:
            self._around.inject(self._sqs[fault])
        elif fault == REFUSED:
            self._end_later(planned, now, AWAY, self._around.no_connections())
        elif fault in PROCESS_FAULTS:
            self._strike_process(planned, now)
        elif fault == "database connections reset":
            self._around.database.reset()
            self.done[fault] += 1
        elif fault == NO_CREDENTIALS:
            self._end_later(planned, now, NO_KEYS, self._around.no_credentials())
        elif fault == HANGING:
            self._end_later(planned, now, HANGS, self._around.database.hanging())
        else:
            self._end_later(planned, now, AWAY, self._around.database.away())

    def _strike_process(self, planned: Planned, now: float) -> None:
        names = PROCESS_FAULTS[planned.fault]
        first = int(planned.choice * len(names))
        child = self._around.children[names[first]]
        if planned.fault == "freeze":
            child.freeze()
            self._endings.append((now + FROZEN, child.thaw))
        elif planned.fault == "kill -9 one forked child":
            others = (self._around.children[name] for name in names)
            if not any(
                one.kill_one_of_its_own(planned.choice) for one in (child, *others)
            ):  # all of them are just starting
                self._plan.insert(0, replace(planned, at=now + 1))
                return
        elif planned.fault == "SIGTERM":
            child.terminate()
        else:
            if planned.fault == "kill -9 worker":
                self.killed_workers.append(Kill(child.name, time.time()))
            child.kill()
        self.done[planned.fault] += 1

    def _end_later(
        self,
        planned: Planned,
        now: float,
        seconds: float,
        outage: AbstractContextManager[None],
    ) -> None:
        """Two outages of one thing at once would end each other: the second waits."""
        what = planned.fault.partition(" ")[0]
        if now < self._out_until[what]:
            self._plan.insert(0, replace(planned, at=self._out_until[what]))
            self._plan.sort(key=lambda one: one.at)
            return
        try:
            outage.__enter__()
        except BusyError:  # a frozen process goes on only if this thread goes on
            self._plan.insert(0, replace(planned, at=now + 1))
            return
        self._out_until[what] = now + seconds + 1
        self._endings.append((now + seconds, lambda: outage.__exit__(None, None, None)))
        self.done[planned.fault] += 1


def clock() -> Callable[[], float]:
    began = time.monotonic()
    return lambda: time.monotonic() - began
