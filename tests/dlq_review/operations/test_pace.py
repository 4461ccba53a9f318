"""How many letters an operation may handle now, by a clock that the test turns."""

import pytest

from dlq_review.models import Operation
from dlq_review.operations import pace as pacing
from dlq_review.operations.pace import Pace
from dlq_review.operations.progress import rate_in_words


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(pacing, "monotonic", one)
    return one


@pytest.mark.parametrize(("rate", "worth"), [(4, 1), (500, 100), (5_000, 100)])
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


def taken(pace: Pace, clock: Clock, seconds: float, *, each: float) -> None:
    """Handle what is due for *seconds*; each set takes *each*."""
    ends = clock.now + seconds
    while clock.now < ends:
        if due := pace.due():
            clock.now += each
            pace.took(min(due, pacing.MOST))
        else:
            clock.now += pace.wait() + 0.0001


@pytest.mark.parametrize("seconds", [1.0, 1.3, 2.0, 20.0])
@pytest.mark.parametrize("rate", [1, 7, 50, 500])
def test_a_rate_that_is_kept_is_what_was_reached_at_any_moment(
    clock: Clock, rate: int, seconds: float
) -> None:
    pace = Pace(rate)
    taken(pace, clock, seconds, each=0.5 / rate)
    assert pace.reached == pytest.approx(rate, rel=0.02, abs=1)


@pytest.mark.parametrize("each", [0.19, 0.01])
def test_a_rate_is_kept_whatever_a_set_takes_that_ends_before_the_next_is_due(
    clock: Clock, each: float
) -> None:
    pace = Pace(500)
    begun = clock.now
    taken(pace, clock, 20, each=each)
    handled = pace._counted
    assert handled == pytest.approx(500 * (clock.now - begun), rel=0.02)


@pytest.mark.parametrize(
    ("reached", "words"),
    [
        (None, "100/s"),
        (100, "100/s, kept"),
        (95, "100/s, kept"),
        (94, "100/s, but only 94/s were reached"),
        (0, "100/s, but only 0/s were reached"),
    ],
)
def test_a_rate_is_kept_within_five_percent(reached: int | None, words: str) -> None:
    assert rate_in_words(Operation(rate=100, reached=reached)) == words


def test_what_a_slow_machine_reaches_is_told(clock: Clock) -> None:
    pace = Pace(500)
    taken(pace, clock, 20, each=0.5)  # a hundred in half a second
    assert pace.reached == pytest.approx(200, rel=0.05)
