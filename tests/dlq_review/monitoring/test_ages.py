"""Ages count from the first failure, of what waits alone; limits that have passed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dlq_review.models import DeadLetter, RaisedAlert
from dlq_review.monitoring import early_warnings, letter_figures
from dlq_review.monitoring.measured import Figures
from processing.delivery import spool
from processing.models import SpooledEvent
from processing.sqs.topology import QUEUES
from tests.builders import dead_letter, dead_message, order_created

pytestmark = pytest.mark.django_db
HOUR = 3600


@pytest.mark.parametrize("state", DeadLetter.State.values)
@pytest.mark.parametrize(("left", "near"), [(23, 1), (25, 0)])
def test_a_letter_that_does_not_wait_has_no_age_and_no_limit(
    state: str, left: int, near: int, standing_clock: None
) -> None:
    now = timezone.now()
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(
        state=state,
        first_failed_at=now - timedelta(hours=3),
        last_failed_at=now - timedelta(hours=1),
        expires_at=now + timedelta(hours=left),
    )
    figures = Figures()
    letter_figures.add_ages(figures)
    found = {
        name: {values[0]: figure for values, figure in samples}["orders"]
        for name, samples in figures.by_name.items()
    }
    waits = state in DeadLetter.WAITING
    assert found == {
        "holdfast_dead_letters_oldest_seconds": 3 * HOUR if waits else 0,
        "holdfast_dead_letters_near_limit": near if waits else 0,
    }


def test_of_a_message_beyond_its_limit_no_hours_are_left() -> None:
    age = timedelta(seconds=QUEUES["orders"].dlq_retention, hours=5)
    early_warnings.warn_of_loss([dead_message("{}", sent_at=timezone.now() - age)])
    assert "that SQS drops in 0 h." in RaisedAlert.objects.get().sentence


@pytest.mark.parametrize(("hours", "raised"), [(-1, False), (1, True)])
def test_a_letter_beyond_its_limit_is_not_near_it(hours: int, *, raised: bool) -> None:
    limit = timezone.now() + timedelta(hours=hours)
    DeadLetter.objects.filter(pk=dead_letter().pk).update(expires_at=limit)
    early_warnings.look_ahead()
    assert RaisedAlert.objects.filter(kind="near_limit").exists() is raised


def test_what_sqs_refused_for_good_is_a_figure_of_its_own() -> None:
    waiting, *refused = (order_created() for _ in range(3))
    for event in (waiting, *refused):
        spool.add(event, "Timeout")
    named = SpooledEvent.objects.filter(request_id__in=[one.id for one in refused])
    named.update(refused_for_good=True)
    figures = Figures()
    letter_figures.add_spool(figures)
    found = {name: samples[0][1] for name, samples in figures.by_name.items()}
    assert found["holdfast_spool_events"] == 1
    assert found["holdfast_spool_refused"] == 2
