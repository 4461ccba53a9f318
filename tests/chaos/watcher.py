"""Watch a run as Prometheus would: scrape each process every second, and add up the increases.

A process that is killed takes with it what it counted since the last scrape; nothing else may
be missing, and nothing may be counted twice.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from math import inf
from pathlib import Path

from processing.sqs.topology import EVENT_QUEUES
from tests.boot.held import LET_GO
from tests.metric_texts import samples, scraped

EACH = 1.0  # second
PATIENCE = 3.0  # seconds; a frozen process answers nobody
_PROCESSED = "holdfast_messages_processed_total"
_ACCEPTED = "holdfast_accepted_total"


@dataclass
class Watched:
    """What was read of one process, whichever incarnation answered."""

    scrapes: int = 0
    last: dict[str, float] = field(default_factory=dict)
    total: Counter[str] = field(default_factory=Counter)

    def add(self, figures: dict[str, float]) -> None:
        """A counter that fell has begun anew, as in Prometheus."""
        for name, figure in figures.items():
            before = self.last.get(name, 0.0)
            self.total[name] += int(figure - before if figure >= before else figure)
        self.scrapes += 1
        self.last = figures


class Watcher:
    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=[name], daemon=True)
            for name in ports
        ]
        self.seen = {name: Watched() for name in ports}

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> dict[str, Watched]:
        """After a last look."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for name in self._ports:
            self._look(name)
        return self.seen

    def _watch(self, name: str) -> None:
        while not self._ended.wait(EACH):
            self._look(name)

    def _look(self, name: str) -> None:
        try:
            text = scraped(self._ports[name], timeout=PATIENCE)
        except (OSError, HTTPException):  # it is down, or just starts
            return
        self.seen[name].add(_counters(text))


def _counters(text: str) -> dict[str, float]:
    wanted = (_PROCESSED, _ACCEPTED)
    found = samples(text)
    return {name: one for name, one in found.items() if name.startswith(wanted)}


def processed(watched: Watched) -> int:
    """The deliveries of events that ended, whatever their end."""
    return sum(
        number
        for name, number in watched.total.items()
        if name.startswith(_PROCESSED)
        and any(f'queue="{queue}"' in name for queue in EVENT_QUEUES)
    )


def accepted(watched: Watched) -> int:
    return sum(
        number
        for name, number in watched.total.items()
        if name.startswith(_ACCEPTED) and 'outcome="refused"' not in name
    )


def ended(journal: Path, since: float, until: float = inf) -> Counter[str]:
    """By worker: the deliveries of events that it let go of between these times."""
    found: Counter[str] = Counter()
    for line in journal.read_text().splitlines() if journal.exists() else ():
        at, worker, word, _, queue = line.split()
        if since <= float(at) < until and word == LET_GO and queue in EVENT_QUEUES:
            found[worker] += 1
    return found


def discrepancies(
    seen: dict[str, Watched], journal: Path, since: float
) -> Iterator[str]:
    """Where the metrics of workers that nobody disturbed differ from what they did."""
    really = ended(journal, since)
    for name, watched in seen.items():
        if name.startswith("worker") and processed(watched) != really[name]:
            yield (
                f"the metrics of {name} say {processed(watched)} deliveries ended,"
                f" and {really[name]} did"
            )
