"""A row of each table whose age can be chosen, as the system itself stores it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Model

from dlq_review.letters import settlement
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import (
    AlertDelivery,
    AuditEntry,
    DeadLetter,
    FailureCount,
    FailureGroup,
    Operation,
    RaisedAlert,
)
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.events.envelope import new_id
from processing.models import (
    Order,
    Outcome,
    OutcomeMail,
    QueueRecord,
    Repair,
    Signup,
    User,
    WorkerSign,
)
from tests.builders import (
    dead_letter,
    failed_attempt,
    order_created,
    order_returned,
    signup_requested,
)
from tests.dlq_review.policies import policy


def aged(row: Model, **times: datetime) -> Model:
    """*row*, with times that the model itself sets to now."""
    type(row)._base_manager.filter(pk=row.pk).update(**times)
    return row


def letter(at: datetime) -> Model:
    event = order_created()
    failed_attempt(event, started_at=at)
    found = dead_letter(event)
    settlement.discard(found, by="ada", reason="x")
    aged(Outcome.objects.get(pk=event.id), at=at)
    return aged(found, settled_at=at)


def operation(at: datetime) -> Model:
    dead_letter()
    found = plans.freeze(Selection(), Plan(), by="ada", reason="x")
    AuditEntry.note(found, AuditEntry.Verb.STARTED, by="ada")
    return aged(found, state=Operation.State.DONE, ended_at=at)  # type: ignore[arg-type]


def old_policy(at: datetime) -> Model:
    found = policy()
    AuditEntry.note(found, AuditEntry.Verb.SCHEDULED, by="ada")
    return aged(found, state="ended", ended_at=at)  # type: ignore[arg-type]


def group(at: datetime) -> Model:
    found = FailureGroup.objects.create(
        fingerprint=new_id(), queue="orders", first_seen=at, last_seen=at
    )
    AuditEntry.note(found, AuditEntry.Verb.NOTED)
    FailureCount.objects.create(group=found, hour=at)
    return found


def count(at: datetime) -> Model:
    return FailureCount.objects.create(group=dead_letter().group, hour=at)


def reveal(at: datetime) -> Model:
    note_reveal("eve", "A list")
    return aged(AuditEntry.objects.latest("pk"), at=at)


def outcome(at: datetime) -> Model:
    event = order_created()
    failed_attempt(event, started_at=at)
    Repair.objects.create(request_id=event.id)
    processor.process(event)
    return aged(Outcome.objects.get(pk=event.id), at=at)


def account(at: datetime) -> Model:
    event = signup_requested(email=f"{new_id()}@example.com")
    processor.process(event)
    Signup.objects.filter(pk=event.id).update(asked_at=at)
    Outcome.objects.filter(pk=event.id).update(at=at)
    return aged(User.objects.get(request_id=event.id), date_joined=at)


def signup(at: datetime) -> Model:
    owner = User.objects.create(username=new_id(), verified_at=at)
    return Signup.objects.create(request_id=new_id(), account=owner, asked_at=at)


def sample(at: datetime) -> Model:
    event = order_created(
        customer_id="VISITOR-1a2b", email="visitor-1a2b@example.com", order_id=new_id()
    )
    processor.process(event)
    order = Order.objects.get(request_id=event.id)
    processor.process(
        order_returned(order_id=order.order_id, customer_id=order.customer_id)
    )
    return aged(order, created_at=at)


def log_entry(at: datetime) -> Model:
    who, _ = User.objects.get_or_create(username="ada")
    kind = ContentType.objects.get_for_model(DeadLetter)
    found = LogEntry.objects.create(user=who, content_type=kind, action_flag=CHANGE)
    return aged(found, action_time=at)


def session(at: datetime) -> Model:
    return Session.objects.create(session_key=new_id()[:40], expire_date=at)


def access(model: type[Model], **more: Any) -> Callable[[datetime], Model]:
    def make(at: datetime) -> Model:
        found = model._base_manager.create(username="ada", user_agent=new_id(), **more)
        return aged(found, attempt_time=at)

    return make


def alert(at: datetime) -> Model:
    return RaisedAlert.objects.create(name=new_id(), at=at, over_at=at)


def delivery(at: datetime) -> Model:
    return AlertDelivery.objects.create(
        channel="mail",
        name=new_id(),
        began_at=at,
        created_at=at,
        next_try_at=at,
        state=AlertDelivery.State.SENT,
    )


def wish(at: datetime) -> Model:
    return aged(OutcomeMail.objects.create(request_id=new_id()), asked_at=at)


def record(at: datetime) -> Model:
    return QueueRecord.objects.create(queue=new_id(), step=300, start=at, kept_until=at)


def worker(at: datetime) -> Model:
    return WorkerSign.objects.create(name=new_id(), at=at)


MAKE: dict[str, Callable[[datetime], Model]] = {
    "dlq_review.DeadLetter": letter,
    "dlq_review.Operation": operation,
    "dlq_review.RedrivePolicy": old_policy,
    "dlq_review.FailureGroup": group,
    "dlq_review.FailureCount": count,
    "dlq_review.AuditEntry": reveal,
    "dlq_review.RaisedAlert": alert,
    "dlq_review.AlertDelivery": delivery,
    "processing.Outcome": outcome,
    "processing.OutcomeMail": wish,
    "processing.User": account,
    "processing.Signup": signup,
    "processing.Order": sample,
    "processing.QueueRecord": record,
    "processing.WorkerSign": worker,
    "admin.LogEntry": log_entry,
    "sessions.Session": session,
    "axes.AccessAttempt": access(AccessAttempt, failures_since_start=1),
    "axes.AccessFailureLog": access(AccessFailureLog),
    "axes.AccessLog": access(AccessLog),
}
