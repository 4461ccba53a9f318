"""How a row is called, in titles, messages and the history of the admin."""

from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.db import models

from dlq_review.models import (
    AlertDelivery,
    Arrival,
    AuditEntry,
    DeadLetter,
    Erasure,
    FailureCount,
    FailureGroup,
    LastLook,
    LifeSign,
    Operation,
    OperationItem,
    RaisedAlert,
    RedrivePolicy,
    Report,
    Revision,
    UntoldAlert,
)
from intake.models import ApiKey
from processing.models import (
    Attempt,
    Order,
    OrderItem,
    OrderReturn,
    Outcome,
    OutcomeMail,
    QueueProgress,
    QueueRecord,
    Repair,
    Signup,
    SpooledEvent,
    StaffMember,
    UnderReview,
    User,
    WorkerSign,
)

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
NAMED: list[tuple[models.Model, str]] = [
    (Outcome(request_id="r-1", kind="discarded"), "r-1 discarded"),
    (Attempt(request_id="r-1", receive_count=2), "r-1 attempt 2"),
    (UnderReview(request_id="r-1"), "r-1"),
    (Repair(request_id="r-1"), "r-1"),
    (OutcomeMail(request_id="r-1"), "r-1"),
    (SpooledEvent(request_id="r-1"), "r-1"),
    (Order(order_id="ORD-1"), "ORD-1"),
    (OrderItem(order_id="ORD-1", sku="TEA-1"), "ORD-1 TEA-1"),
    (OrderReturn(order_id="ORD-1"), "return of ORD-1"),
    (User(username="account-7"), "account-7"),
    (StaffMember(username="ada"), "ada"),
    (Signup(request_id="r-1"), "r-1"),
    (QueueProgress(queue="orders"), "orders"),
    (QueueRecord(queue="", start=AT, step=300), "all 2026-11-20 10:00, 300 s"),
    (WorkerSign(name="machine/7"), "machine/7"),
    (Erasure(person="f" * 64, began_at=AT), "ffffffffffffffff 2026-11-20"),
    (Report(at=AT), "2026-11-20 10:00"),
    (ApiKey(producer="Shop", generation=2), "Shop 2"),
    (DeadLetter(request_id="r-1", reference="ORD-1"), "ORD-1"),
    (DeadLetter(request_id="r-1", reference=""), "r-1"),
    (Arrival(dlq="orders-dlq", message_id="m-1"), "orders-dlq m-1"),
    (Revision(letter_id=7, number=2), "7 revision 2"),
    (FailureGroup(error_type="AError"), "AError"),
    (FailureCount(group_id=7, hour=AT, arrivals=3), "7 2026-11-20 10 3"),
    (LastLook(person_id=7, at=AT), "7 2026-11-20 10:00"),
    (LifeSign(name="pull"), "pull"),
    (RaisedAlert(name="growth"), "growth"),
    (UntoldAlert(name="growth"), "growth"),
    (AlertDelivery(name="a/b", phase="over", channel="mail"), "a/b over by mail"),
    (Operation(pk=7, kind="fix"), "Edit #7"),
    (RedrivePolicy(pk=7), "Policy #7"),
    (OperationItem(operation_id=7, letter_id=8, state="sent"), "7/8 sent"),
    (AuditEntry(actor="ada", verb="edited"), "ada edited"),
    (AuditEntry(actor="", verb="pulled"), "Holdfast pulled"),
]


@pytest.mark.parametrize(
    ("row", "name"),
    NAMED,
    ids=[f"{type(row).__name__}-{number}" for number, (row, _) in enumerate(NAMED)],
)
def test_a_row_is_called_by_what_staff_know_it_by(row: models.Model, name: str) -> None:
    assert str(row) == name


def test_a_name_repeats_no_address() -> None:
    for row in (
        User(username="ada@example.com"),
        DeadLetter(request_id="r-1", reference="ada@example.com"),
    ):
        assert "ada@" not in str(row)
        assert str(row)


def test_every_model_is_named_here() -> None:
    ours = {
        model
        for name in ("processing", "intake", "dlq_review")
        for model in apps.get_app_config(name).get_models()
    }
    assert ours == {type(row) for row, _ in NAMED}
