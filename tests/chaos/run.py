"""One run: load under fire, then heal, drain and audit. Needs Django to be set up."""

import socket
import sys
import time
from dataclasses import dataclass, field

from django.core.management import call_command
from django.db import DatabaseError, connection

from dlq_review.models import DeadLetter
from processing.models import Outcome, SpooledEvent
from processing.sqs import queues
from processing.sqs.provision import ensure_queues
from processing.sqs.topology import EVENT_QUEUES, QUEUES
from tests.boot import short_times
from tests.boot.witness import CREATE
from tests.chaos.audit import Audit
from tests.chaos.clients import Client, Fates
from tests.chaos.nemesis import Nemesis, clock
from tests.chaos.producer import Producer
from tests.chaos.recovery import Recovery, recoveries
from tests.chaos.surroundings import Surroundings
from tests.chaos.watcher import Watcher, accepted, discrepancies, ended, processed
from tests.live import wait_for

CLIENTS = 4
CROWDED = 120  # messages on the queues above which the clients pause
DRAINED_WITHIN = 90  # seconds after healing
LONGER = 45  # seconds that a run may wait for faults that have not fired
S = DeadLetter.State


@dataclass
class Result:
    figures: dict[str, object]
    violations: list[str]
    never_fired: list[str]
    fired: dict[str, int] = field(default_factory=dict)
    recovered: list[Recovery] = field(default_factory=list)


class Run:
    def __init__(self, around: Surroundings, seconds: float) -> None:
        self._around = around
        self._seconds = seconds
        self._nemesis = Nemesis(around, seconds)
        self._fates = Fates()
        self._producer = Producer(around.seed)
        self._watcher = Watcher(around.metrics_ports)
        self._calm_since = time.time()
        self._clients = [
            Client(number, around.seed, around.web_port, self._fates)
            for number in range(CLIENTS)
        ]

    def __call__(self) -> Result:
        self._prepare()
        self._under_fire()
        drained, wrong = self._heal_and_drain()
        audit = Audit(self._fates, self._producer.sent, self._around.folder)
        violations = wrong + audit.violations()
        if drained is None:
            violations.append(f"not drained within {DRAINED_WITHIN} s: {_undrained()}")
        fired = self._nemesis.done + self._around.fired_so_far()
        figures = self._figures(audit, drained, fired.total())
        return Result(
            figures,
            violations,
            self._nemesis.never_fired(),
            dict(fired),
            recoveries(self._around.journal, self._nemesis.killed_workers),
        )

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(CREATE)
        connection.close()
        wait_for(_sqs_answers)
        assert not ensure_queues()
        assert QUEUES["orders"].visibility_timeout == short_times.VISIBILITY
        self._around.start_children()
        wait_for(lambda: _is_open(self._around.web_port))
        self._watcher.start()
        for client in self._clients:
            client.start()

    def _under_fire(self) -> None:
        now = clock()
        said = 0.0
        while now() < self._seconds or self._waits_for_a_fault(now()):
            self._nemesis.act(now())
            for child in self._around.children.values():
                child.revive()
            crowd = sum(_depths(EVENT_QUEUES))
            for client in self._clients:
                (client.paused.set if crowd > CROWDED else client.paused.clear)()
            if crowd <= CROWDED:
                self._producer.send()
            if now() > said:
                said = now() + 5
                self._say(f"{now():3.0f} s: {self._so_far()}, {crowd} queued")
            time.sleep(0.3)
        for client in self._clients:
            client.stopped.set()
        for client in self._clients:
            client.join()

    def _waits_for_a_fault(self, now: float) -> bool:
        """On a slow machine the last faults find no call to hit within the time of the run."""
        return now < self._seconds + LONGER and bool(self._nemesis.never_fired())

    def _heal_and_drain(self) -> tuple[float | None, list[str]]:
        """Seconds until everything was at rest, and a sentence for each thing that is wrong."""
        self._say("healing")
        self._nemesis.heal()
        self._watcher.stop()
        wrong = self._around.stop_children()
        calm_watcher = Watcher(self._around.metrics_ports)
        self._calm_since = time.time()
        self._around.start_children(calm=True)
        calm_watcher.start()
        now = clock()
        said = 0.0
        while now() < DRAINED_WITHIN:
            if _is_at_rest():
                drained = now()
                seen = calm_watcher.stop()
                wrong += discrepancies(seen, self._around.journal, self._calm_since)
                return drained, wrong + self._around.stop_children()
            if now() > said:
                said = now() + 10
                self._say(f"draining: {_undrained()}")
            time.sleep(0.5)
        return None, wrong + self._around.stop_children()

    def _so_far(self) -> str:
        faults = (self._nemesis.done + self._around.fired_so_far()).total()
        starts = sum(child.starts for child in self._around.children.values())
        return f"{len(self._fates.accepted)} accepted, {faults} faults, {starts} starts"

    def _figures(
        self, audit: Audit, drained: float | None, faults: int
    ) -> dict[str, object]:
        kinds = list(audit.outcomes.values())
        return {
            "accepted": len(self._fates.accepted),
            "answers": dict(self._fates.answers),
            "processed": kinds.count(Outcome.Kind.PROCESSED),
            "discarded": kinds.count(Outcome.Kind.DISCARDED),
            "in review": len(audit.waiting),
            "dead letters": DeadLetter.objects.count(),
            "poisonous bodies": len(self._producer.sent.poison),
            "faults fired": faults,
            "crash points": self._crashes(),
            "drained in": drained and round(drained, 1),
            "watched": self._watched(),
        }

    def _watched(self) -> str:
        """What a scraper of each second saw under fire, beside what there was to see."""
        seen = self._watcher.seen
        workers = [one for name, one in seen.items() if name != "web"]
        really = ended(self._around.journal, 0, self._calm_since).total()
        return (
            f"{sum(map(processed, workers))} of {really} deliveries,"
            f" {accepted(seen['web'])} accepted,"
            f" in {sum(one.scrapes for one in seen.values())} scrapes"
        )

    def _crashes(self) -> int:
        logs = self._around.folder.glob("*.log")
        return sum(log.read_bytes().count(b"crash_point=") for log in logs)

    def _say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _sqs_answers() -> bool:
    try:
        queues.client().list_queues()
    except queues.SQS_ERRORS:
        return False
    return True


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _depths(names: tuple[str, ...]) -> list[int]:
    found = [queues.depth(name) for name in names]
    return [depth.visible + depth.in_flight for depth in found]


def _undrained() -> dict[str, int]:
    """What still moves, by its name. The jobs of beat never end."""
    names = (*EVENT_QUEUES, *(queue.dlq for queue in QUEUES.values()))
    found = dict(zip(names, _depths(names), strict=True))
    found["spool"] = SpooledEvent.objects.count()
    for state in (S.CLAIMED, S.REDRIVEN):
        found[state.value] = DeadLetter.objects.filter(state=state).count()
    return {name: number for name, number in found.items() if number}


def _is_at_rest() -> bool:
    """Twice, because a message between two places is in neither for a moment."""
    try:
        if _undrained():
            return False
        time.sleep(1.5)
        return not _undrained()
    except DatabaseError:
        return False
