"""The words that every channel uses. All of them hold no personal data."""

from typing import Any

from django.conf import settings

from dlq_review.alerts.kinds import kind_of
from dlq_review.models import AlertDelivery


def headline(one: AlertDelivery) -> str:
    """Its phase and its sentence, as in "Over: 150 failures on orders ..."."""
    return f"{one.get_phase_display()}: {one.sentence}"


def link(one: AlertDelivery) -> str:
    return f"{settings.SITE_URL}{one.path}"


def identity(one: AlertDelivery) -> str:
    """The id of the message, the same each time it is sent."""
    return f"alert_{one.key.hex}"


def lines(one: AlertDelivery) -> str:
    """As people read it."""
    began = f"Began {one.began_at:%Y-%m-%d %H:%M} UTC"
    ended = f", over {one.ended_at:%Y-%m-%d %H:%M} UTC" if one.ended_at else ""
    return f"{headline(one)}\n{link(one)}\n{began}{ended}. Id: {identity(one)}\n"


def data(one: AlertDelivery) -> dict[str, Any]:
    """As programs read it."""
    return {
        "id": identity(one),
        "phase": one.phase,
        "kind": one.kind,
        "alert": one.name,
        "urgent": kind_of(one.kind).is_urgent,
        "sentence": one.sentence,
        "url": link(one),
        "began_at": one.began_at.isoformat(),
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
        "release": settings.RELEASE,
    }
