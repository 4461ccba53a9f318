"""Alerts as the channels get them, without a row."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dlq_review.models import AlertDelivery

AT = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
SENTENCE = 'A <new> & "odd" kind: ünïcode.'


def delivery(kind: str = "growth", phase: str = "raised", **more: Any) -> AlertDelivery:
    ended = AT + timedelta(hours=2) if phase == "over" else None
    fields: dict[str, Any] = {
        "kind": kind,
        "name": f"{kind}/orders",
        "phase": phase,
        "sentence": SENTENCE,
        "path": "/admin/?a=1&b=2",
        "began_at": AT,
        "ended_at": ended,
        "created_at": ended or AT,
        "next_try_at": AT,
        **more,
    }
    return AlertDelivery(**fields)
