"""How much of what is wrong the overview tells, and how it counts."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, LifeSign, RedrivePolicy
from dlq_review.monitoring import health
from tests.builders import dead_letter
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db


def test_each_policy_that_stopped_is_told_of_up_to_five() -> None:
    for state in RedrivePolicy.State.values:
        policy(state=state, halted=f"It is {state}.")
    (stopped,) = RedrivePolicy.objects.filter(state="stopped")
    said = f"Redrive policy {stopped.pk} has stopped. It is stopped."
    assert [one for one in health.warnings() if "policy" in one] == [said]
    for _ in range(5):
        policy(state="stopped")
    assert len([one for one in health.warnings() if "policy" in one]) == 5


def test_a_part_says_who_does_it_and_each_line_of_its_trouble_is_a_warning(
    settings: Settings,
) -> None:
    settings.WORKER_NAME = "worker-9"
    health.sign("queues", f"One.\nTwo.\n{'x' * 3_000}")
    sign = LifeSign.objects.get(name="queues")
    assert (sign.worker, len(sign.trouble)) == ("worker-9", 2_000)
    assert health.warnings()[2:] == [
        "One.",
        "Two.",
        "x" * (2_000 - len("One.\nTwo.\n")),
    ]
    health.sign("queues")
    assert LifeSign.objects.get().trouble == ""


@pytest.mark.parametrize(("most", "told"), [(1, "1+."), (2, "2+."), (3, "2.")])
def test_bodies_that_wait_for_the_archive_are_counted_no_further_than_their_most(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, most: int, told: str
) -> None:
    settings.RETENTION_DAYS, settings.ARCHIVE_BUCKET = 90, "archive"
    monkeypatch.setattr(health, "_MOST_COUNTED", most)
    for _ in range(2):
        settlement.discard(dead_letter(), by="ada", reason="x")
    DeadLetter.objects.update(settled_at=timezone.now() - timedelta(days=92))
    (kept,) = [one for one in health.warnings() if one.startswith("Settled")]
    assert kept.endswith(f"does not have them yet: {told}")
