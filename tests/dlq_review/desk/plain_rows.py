"""Rows that people only look up, in their lists and on their pages, for a kept text."""

from datetime import timedelta
from decimal import Decimal

from django.db.models import Model
from django.urls import reverse

from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, Erasure
from processing.models import Order, Outcome
from tests.builders import failed_attempt, order_created
from tests.dlq_review.desk.letters_and_groups import NOW, Asked, letter


def _made() -> dict[str, Model]:
    """One row of each kind."""
    order = Order.objects.create(
        **{"order_id": "O-1", "customer_id": "C-17", "email": "ada@example.com"},
        **{"currency": "EUR", "total": Decimal("9.00"), "request_id": "r-1"},
        status_changed_at=NOW - timedelta(hours=2),
    )
    outcome = Outcome.objects.create(
        **{"request_id": "r-1", "kind": "processed", "type": "order_created"},
        **{"made": {"order": "O-1"}, "correlation_id": "r-1"},
    )
    erasure = Erasure.objects.create(
        person="f" * 64, by="bob", ended_at=NOW, counts={"dead letters": 2}
    )
    attempt = failed_attempt(
        order_created(id="r-1"),
        **{"message_id": "m-1", "error_text": "ask ada@example.com"},
        started_at=NOW - timedelta(hours=4),
    )
    settlement.discard(letter("Row"), by="bob", reason="for a@b.de")
    entry = AuditEntry.objects.order_by("pk").last()
    assert entry is not None
    return {
        **{"order": order, "outcome": outcome, "erasure": erasure},
        **{"attempt": attempt, "entry": entry},
    }


def plain_rows() -> dict[str, Asked]:
    pages: dict[str, Asked] = {}
    for name, row in _made().items():
        label = row._meta.label_lower.replace(".", "_")
        listed = reverse(f"admin:{label}_changelist")
        pages[f"all of {name}"] = (listed, None)
        pages[f"one of {name}"] = (
            reverse(f"admin:{label}_change", args=[row.pk]),
            None,
        )
    return pages
