from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from dlq_review.models import FailureCount
from dlq_review.monitoring.failure_rates import failures_by_queue
from tests.builders import dead_letter

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("step", "last"),
    [
        (HOUR, datetime(2026, 11, 20, 15, tzinfo=UTC)),
        (DAY, datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_failures_are_counted_by_whole_hours_or_days(
    step: timedelta, last: datetime
) -> None:
    group = dead_letter().group
    FailureCount.objects.all().delete()
    for number, steps_ago in enumerate((3, 2, 1, 0, -1)):
        at = last - step * steps_ago
        FailureCount.objects.create(group=group, hour=at, arrivals=10**number)
    with time_machine.travel(NOW, tick=False):
        series = failures_by_queue(3, step)
    assert series.starts == [last - 2 * step, last - step, last]
    assert series.queues == {"orders": [10, 100, 1000]}
    assert series.total == 1110
