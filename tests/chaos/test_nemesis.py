from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.chaos.databases import SQLite
from tests.chaos.faults import SQS_FAULTS
from tests.chaos.nemesis import AWAY, Nemesis, Planned, schedule
from tests.chaos.surroundings import Surroundings

KINDS = [fault.name for fault in SQS_FAULTS]


def test_a_seed_is_a_schedule() -> None:
    assert schedule(7, 60, KINDS) == schedule(7, 60, KINDS)
    assert schedule(7, 60, KINDS) != schedule(8, 60, KINDS)


def test_every_fault_strikes_before_the_end_however_short_the_run() -> None:
    for seconds in (10, 60, 1200):
        planned = schedule(7, seconds, KINDS)
        assert {one.fault for one in planned} == set(KINDS)
        assert [one.at for one in planned] == sorted(one.at for one in planned)
        assert planned[-1].at < seconds


def test_faults_have_names_of_their_own() -> None:
    assert len(set(KINDS)) == len(KINDS)


def test_an_outage_waits_for_another_of_the_same_thing_and_fires_after_all() -> None:
    nemesis = Nemesis(
        Surroundings(Path("/nowhere"), 7, SQLite(Path("/nowhere/db")), ""), seconds=60
    )
    away: list[str] = []
    for at, fault in ((1.0, "database locked"), (2.0, "database hanging")):
        nemesis._end_later(Planned(at, fault, 0), at, AWAY, _noted(fault, away))
    assert away == ["database locked"]
    (waiting,) = [one for one in nemesis._plan if one.at == 1.0 + AWAY + 1]
    nemesis._end_later(waiting, waiting.at, AWAY, _noted(waiting.fault, away))
    assert away == ["database locked", "database hanging"]
    nemesis.heal()
    assert away == []
    assert nemesis.done == {"database locked": 1, "database hanging": 1}


def test_an_outage_waits_for_a_lock_that_a_frozen_process_has(tmp_path: Path) -> None:
    database = SQLite(tmp_path / "db")
    nemesis = Nemesis(Surroundings(tmp_path, 7, database, ""), seconds=60)
    locked = Planned(1.0, "database locked", 0)
    with database.away():
        nemesis._end_later(locked, 1.0, AWAY, database.away())
    assert nemesis._plan[0] == replace(locked, at=2.0)
    assert not nemesis.done
    nemesis._end_later(nemesis._plan[0], 2.0, AWAY, database.away())
    assert nemesis.done == {"database locked": 1}
    nemesis.heal()


@contextmanager
def _noted(fault: str, away: list[str]) -> Iterator[None]:
    away.append(fault)
    yield
    away.remove(fault)
