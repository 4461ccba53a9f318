"""How often a group failed lately: in the windows and the bars beside its name."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from dlq_review.models import DeadLetter, FailureCount, FailureGroup
from dlq_review.monitoring.failure_rates import BARS, Pace, paces
from tests.builders import dead_letter, failure

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
THIS_HOUR = NOW.replace(minute=0)
LAST = BARS - 1


def group(error: str) -> FailureGroup:
    found = dead_letter(attributes=failure(error_type=error)).group
    FailureCount.objects.all().delete()
    return found


def count(of: FailureGroup, hours_ago: int, arrivals: int) -> None:
    hour = THIS_HOUR - timedelta(hours=hours_ago)
    FailureCount.objects.create(group=of, hour=hour, arrivals=arrivals)


def pace(of: FailureGroup) -> Pace:
    with time_machine.travel(NOW, tick=False):
        return paces([of])[of.pk]


@pytest.mark.parametrize(
    ("hours_ago", "bar"),
    [(-1, None), (0, LAST), (3, LAST), (4, LAST - 1), (167, 0), (168, None)],
)
def test_a_bar_is_of_four_hours_and_the_first_is_a_week_old(
    hours_ago: int, bar: int | None
) -> None:
    found = group("AError")
    count(found, hours_ago, 7)
    bars = pace(found).bars
    assert len(bars) == BARS
    assert {place: number for place, number in enumerate(bars) if number} == (
        {} if bar is None else {bar: 7}
    )


def test_bars_add_up_the_hours_of_a_group_and_of_those_merged_into_it() -> None:
    into, merged, other = group("AError"), group("BError"), group("CError")
    FailureGroup.objects.filter(pk=merged.pk).update(merged_into=into)
    for number, one in enumerate((into, merged, other)):
        for hours_ago in (0, 1):
            count(one, hours_ago, 10**number)
    assert pace(into).bars[LAST] == 22
    assert pace(other).bars[LAST] == 200


@pytest.mark.parametrize("state", DeadLetter.State.values)
def test_a_window_counts_letters_of_any_state_since_it_began(state: str) -> None:
    found = group("AError")
    letters = [dead_letter(attributes=failure(error_type="AError")) for _ in range(4)]
    ages = (59, 61, 181, 24 * 60 + 1, 7 * 24 * 60 + 1)
    for letter, minutes in zip(
        (found.letters.earliest("pk"), *letters), ages, strict=True
    ):
        DeadLetter.objects.filter(pk=letter.pk).update(
            state=state, last_failed_at=NOW - timedelta(minutes=minutes)
        )
    assert pace(found).windows == {"1h": 1, "3h": 2, "24h": 3, "7d": 4}
