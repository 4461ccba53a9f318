"""A row stays as long as another row names it, and a run takes no longer than it may."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import Model
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.letters import settlement
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from dlq_review.retention import rows, sweeps
from dlq_review.retention.tables import RULES, Purged
from tests.builders import dead_letter
from tests.dlq_review.retention.old_rows import MAKE, delivery

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(days=900)


def letter_of(group: Model) -> object:
    return DeadLetter.objects.filter(pk=dead_letter().pk).update(group=group)


def letter_from(group: Model) -> object:
    return DeadLetter.objects.filter(pk=dead_letter().pk).update(origin=group)


def merged_into(group: Model) -> object:
    return FailureGroup.objects.filter(pk=dead_letter().group_id).update(
        merged_into=group
    )


def run_of(policy: Model) -> object:
    return Operation.objects.create(by="ada", cutoff=LONG_AGO, policy_id=policy.pk)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (FailureGroup, letter_of),
        (FailureGroup, letter_from),
        (FailureGroup, merged_into),
        (RedrivePolicy, run_of),
    ],
)
def test_an_old_row_stays_while_another_names_it(
    model: type[Model], name: Callable[[Model], object]
) -> None:
    label = model._meta.label
    old = MAKE[label](LONG_AGO)
    assert label in rows.due()
    name(old)
    assert label not in rows.due()
    rows.purge()
    assert model._base_manager.filter(pk=old.pk).exists()


def test_a_run_without_time_deletes_nothing() -> None:
    delivery(LONG_AGO)
    assert not rows.purge(seconds=0)
    assert AlertDelivery.objects.exists()


def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "STEP", 1)
    old, _, last = (delivery(LONG_AGO - timedelta(days=days)) for days in (0, 1, 0))
    rule = RULES["dlq_review.AlertDelivery"]
    assert isinstance(rule, Purged)
    assert rule.sweep.delete(timezone.now()) == 1
    assert list(AlertDelivery.objects.order_by("pk")) == [old, last]


@pytest.mark.parametrize(
    ("days", "kept_for", "purged"),
    [(91, 90, True), (89, 90, False), (400, 0, False)],
)
def test_the_job_purges_the_bodies_that_are_older_than_the_setting(
    settings: Settings, days: int, kept_for: int, *, purged: bool
) -> None:
    settings.RETENTION_DAYS, settings.HISTORY_DAYS = kept_for, 0
    letter = dead_letter()
    settlement.discard(letter, by="ada", reason="x")
    settled_at = timezone.now() - timedelta(days=days)
    DeadLetter.objects.filter(pk=letter.pk).update(settled_at=settled_at)
    assert tasks.purge() == purged
    assert (letter.revisions.get().body == "") is purged
