"""Redrive policies as a test makes them, and time that passes for them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from dlq_review.models import Operation, OperationItem, RedrivePolicy
from dlq_review.schedule import runs, steering
from processing.models import User


def ada() -> None:
    """The owner, who may do everything."""
    defaults = {"is_superuser": True, "email": "ada@example.org"}
    User.objects.get_or_create(username="ada", defaults=defaults)


def policy(**changes: Any) -> RedrivePolicy:
    """A policy of ada over all letters that wait, with a probe that is green; not started."""
    fields = {
        "selection": {"queue": "orders"},
        "owner": "ada",
        "reason": "The bank is away.",
        "every": 15,
        "times": 3,
        "most": 200,
        "rate": 500,
        "canary": 0,
        "stop_at": 20,
        "probe": "database",
        "counted_from": timezone.now(),
        "until": RedrivePolicy.today() + timedelta(days=9),
        **changes,
    }
    return RedrivePolicy.objects.create(**fields)


def active(**changes: Any) -> RedrivePolicy:
    ada()
    found = policy(**changes)
    steering.start(found, by=found.owner)
    return found


def make_due() -> None:
    """The time of the next run of all policies has come."""
    RedrivePolicy.objects.update(next_run_at=timezone.now())


def ended(operation: Operation | None, **outcomes: int) -> None:
    """*operation* is over, with so many items in each state, as in processed=3."""
    assert operation is not None
    items = list(operation.items.order_by("pk").values_list("pk", flat=True))
    for state, number in outcomes.items():
        some, items = items[:number], items[number:]
        OperationItem.objects.filter(pk__in=some).update(state=state)
    Operation.objects.filter(pk=operation.pk).update(
        state=Operation.State.DONE, ended_at=timezone.now()
    )


def begun() -> list[int]:
    """How many letters each run took that begins now."""
    done = runs.begin_due()
    return [one.operation.total for one in done if one.operation is not None]


def state(found: RedrivePolicy) -> tuple[str, str]:
    """Its state and why it stopped, as they are now."""
    found.refresh_from_db()
    return found.state, found.halted
