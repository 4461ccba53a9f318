"""The groups of `manage.py dlq_stats`, and the edges of its figures."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureCount, FailureGroup
from tests.builders import dead_letter, failure

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_sqs")]
HOUR = timedelta(hours=1)


def told(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("dlq_stats", "--json", *arguments, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def orders() -> dict[str, Any]:
    (found,) = told("--queue", "orders")["queues"]
    return found  # type: ignore[no-any-return]


def test_a_group_is_told_with_what_it_is_and_how_many_of_it_wait() -> None:
    for _ in range(2):
        letter = dead_letter(attributes=failure())
    over = dead_letter(attributes=failure(error_type="OverError"))
    settlement.resolve(over, by="ada", reason="x")
    now = timezone.now()
    FailureGroup.objects.filter(pk=letter.group_id).update(
        state="acknowledged",
        place="shop.py:1",
        last_seen=now,
        first_seen=now - 9 * HOUR,
    )
    (group,) = told()["groups"]
    assert group.pop("last_seen")[:19] == now.isoformat()[:19]
    assert group == {
        "number": letter.group_id,
        "queue": "orders",
        "type": "order_created",
        "error": "OrderExistsError",
        "place": "shop.py:1",
        "state": "acknowledged",
        "waiting": 2,
    }
    assert told("--queue", "emails")["groups"] == []


def test_the_group_with_the_most_letters_is_first_also_where_another_failed_last() -> (
    None
):
    for name in ("ManyError", "ManyError", "LateError"):
        dead_letter(attributes=failure(error_type=name))
    late = FailureGroup.objects.filter(error_type="LateError")
    late.update(last_seen=timezone.now() + HOUR)
    assert [one["error"] for one in told()["groups"]] == ["ManyError", "LateError"]


def test_failures_of_this_hour_and_the_last_are_told(standing_clock: None) -> None:
    group = dead_letter().group
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    FailureCount.objects.all().delete()
    for back, number in enumerate((1, 10, 100)):
        FailureCount.objects.create(
            group=group, hour=this_hour - back * HOUR, arrivals=number
        )
    assert orders()["failing_now"] == 11


@pytest.mark.parametrize("state", DeadLetter.State.values)
def test_what_waits_is_told_of_until_it_is_sent_or_settled(state: str) -> None:
    DeadLetter.objects.filter(pk=dead_letter().pk).update(
        state=state, expires_at=timezone.now() + HOUR
    )
    waits = state in ("open", "quarantined", "claimed")
    found = orders()
    assert (found["expiring_24h"], found["oldest"] is not None) == (waits, waits)


def test_of_an_sqs_that_is_away_no_number_is_told() -> None:
    assert orders()["dlq"] is None
