"""What the begin of a delivery counts: how long its message waited, and the newest one."""

from datetime import UTC, datetime, timedelta

import pytest

from processing.board import BOUNDS
from processing.metrics import tally
from processing.metrics.declared import NEWEST, WAIT
from tests.builders import message

AT = datetime(2040, 1, 1, tzinfo=UTC)  # later than any other test counts


@pytest.mark.parametrize(
    ("waited", "receive_count", "counted"),
    [
        (1.5, 1, (2_000, 1_500)),
        (0.0, 1, (1, 0)),
        (-3.0, 1, (1, 0)),  # by the clock of SQS, which may be ahead of ours
        (1.5, 2, None),
        (1.5, 3, None),
    ],
)
def test_only_the_first_delivery_of_a_message_has_waited(
    waited: float, receive_count: int, counted: tuple[int, int] | None
) -> None:
    before = WAIT.totals()["returns",]
    one = message(
        "{}",
        queue="returns",
        receive_count=receive_count,
        sent_at=AT - timedelta(seconds=waited),
    )
    tally.begun(one, AT)
    after = WAIT.totals()["returns",]
    new = {
        bound: (after[at][1] - before[at][1])
        for at, bound in enumerate(BOUNDS)
        if after[at][0] > before[at][0]
    }
    assert new == ({} if counted is None else dict([counted]))


@pytest.mark.parametrize("receive_count", [1, 2])
def test_the_newest_message_is_told_by_its_own_time_in_ms(receive_count: int) -> None:
    sent_at = AT + timedelta(days=1, minutes=receive_count)
    one = message("{}", queue="emails", sent_at=sent_at, receive_count=receive_count)
    before = NEWEST.totals()["emails",]
    tally.begun(one, sent_at + timedelta(seconds=9))
    told = int(sent_at.timestamp() * 1000) if receive_count == 1 else before
    assert NEWEST.totals()["emails",] == told
