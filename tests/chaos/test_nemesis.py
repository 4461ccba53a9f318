from tests.chaos.faults import SQS_FAULTS
from tests.chaos.nemesis import schedule

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
