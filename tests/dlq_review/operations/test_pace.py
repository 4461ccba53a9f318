"""How many letters an operation may handle now, by a clock that the test turns."""

import pytest

from dlq_review.operations import pace as pacing
from dlq_review.operations.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(pacing, "monotonic", one)
    return one


@pytest.mark.parametrize(("rate", "worth"), [(5, 1), (500, 50), (5_000, 100)])
def test_the_first_goes_alone_and_the_others_once_they_are_worth_a_set(
    clock: Clock, rate: int, worth: int
) -> None:
    pace = Pace(rate)
    assert (pace.wait(), pace.due()) == (0, 1)
    pace.took(1)
    assert pace.wait() == pytest.approx(worth / rate)
    clock.now += 0.9 * worth / rate
    assert worth == 1 or pace.due() == 0
    clock.now += 0.105 * worth / rate
    assert (pace.wait(), pace.due()) == (0, worth)


def test_of_a_long_time_without_a_set_a_second_is_caught_up_with(clock: Clock) -> None:
    pace = Pace(500)
    pace.due()
    pace.took(1)
    clock.now += 60
    assert pace.due() == 501
    pace.took(501)
    assert pace.due() == 0
    clock.now += 1.001
    assert pace.due() == 500, "and what was older is given up"
