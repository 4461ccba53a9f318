"""Raise an alert, and end it. People are told of both, and reminded while it lasts.

Crash order: {the change; the alert; its delivery by each channel} in one transaction ->
commit -> a job of its own sends the deliveries (outbox.py). An alert lasts until it is
ended, so whoever finds the same again tells nobody again.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from dlq_review.alerts import quiet_hours
from dlq_review.alerts.channels import registry
from dlq_review.alerts.channels.channel import Channel
from dlq_review.alerts.kinds import KINDS, TEST, Kind, kind_of
from dlq_review.models import AlertDelivery, RaisedAlert

logger = logging.getLogger(__name__)

STEP = 500  # alerts that one look reminds of or lets lapse
#: A row without a kind is of an earlier release, or made in this moment.
IS_OVER = Q(over_at__isnull=False) | Q(kind="")
_Phase = AlertDelivery.Phase
Said = tuple[str, str]
"""A sentence without personal data, and the path of the page to look at."""


@transaction.atomic(savepoint=False)
def begin(kind: Kind, about: str, sentence: str, path: str = "/admin/") -> bool:
    """Raise the alert of *kind* about *about*; False if it lasts already."""
    now = timezone.now()
    name = _name(kind, about)
    said: dict[str, Any] = {
        "kind": kind.name,
        "sentence": _one_line(sentence),
        "path": path,
        "seen_at": now,
    }
    fresh = {"began_at": now, "at": now, "over_at": None if kind.ends else now}
    before = RaisedAlert(name=name, at=now)
    RaisedAlert.objects.bulk_create([before], ignore_conflicts=True)
    rows = RaisedAlert.objects.filter(name=name)
    if not rows.filter(IS_OVER).update(**said, **fresh, number=F("number") + 1):
        rows.update(**said)
        return False
    _tell(rows.get(), _Phase.RAISED)
    return True


@transaction.atomic
def end(kind: Kind, abouts: Iterable[str]) -> int:
    """End the alerts of *kind* about *abouts* that last; return how many."""
    names = [_name(kind, about) for about in abouts]
    return _end(lasting(kind).filter(name__in=names))


def keep(kind: Kind, found: Mapping[str, Said]) -> None:
    """Raise the alerts that were *found*, by what they are about, and end all others."""
    for about, (sentence, path) in sorted(found.items()):
        begin(kind, about, sentence, path)
    names = {_name(kind, about) for about in found}
    others = [one.name for one in lasting(kind) if one.name not in names]
    if others:
        with transaction.atomic():
            _end(lasting(kind).filter(name__in=others))


def lasting(kind: Kind | None = None) -> QuerySet[RaisedAlert]:
    rows = RaisedAlert.objects.exclude(IS_OVER)
    return rows.filter(kind=kind.name) if kind else rows


def lapse() -> None:
    """End the alerts of which nothing was seen any more, where nobody can look."""
    for kind in KINDS.values():
        if kind.lapses is not None:
            before = timezone.now() - kind.lapses
            old = lasting(kind).filter(seen_at__lt=before)
            if names := list(old.values_list("name", flat=True)[:STEP]):
                with transaction.atomic():
                    _end(lasting(kind).filter(name__in=names, seen_at__lt=before))


def remind() -> None:
    """Tell again of what has lasted for another ALERT_REPEAT_HOURS.

    A channel that was added since is told at once, so that nobody takes its silence for good
    news.
    """
    now = timezone.now()
    due = lasting().filter(at__lte=now - repeat_after())
    for name in list(due.values_list("name", flat=True)[:STEP]):
        with transaction.atomic():
            mine = due.filter(name=name)
            if mine.update(at=now, number=F("number") + 1):
                _tell(RaisedAlert.objects.get(name=name), _Phase.REMINDER)
    for channel in registry.configured():
        _introduce(channel)


def _introduce(channel: Channel) -> None:
    """Tell *channel* of what lasts and was told without it."""
    told = AlertDelivery.objects.filter(
        channel=channel.name, name=OuterRef("name"), number=OuterRef("number")
    )
    reminding = [one.name for one in KINDS.values() if _reminds(one, channel)]
    missed = lasting().filter(~Exists(told), kind__in=reminding)
    for name in list(missed.values_list("name", flat=True)[:STEP]):
        with transaction.atomic():
            if row := missed.filter(name=name).select_for_update().first():
                _tell(row, _Phase.REMINDER, [channel])


def _reminds(kind: Kind, channel: Channel) -> bool:
    return kind.reminds or channel.forgets


@transaction.atomic
def test(channel: Channel) -> bool:
    """Write a test alert for *channel*; False if the last one waits still."""
    now = timezone.now()
    tests = AlertDelivery.objects.filter(channel=channel.name, kind=TEST.name)
    if tests.filter(state=AlertDelivery.State.WAITING).exists():
        return False
    AlertDelivery.objects.create(
        channel=channel.name,
        name=f"{TEST.name}/{uuid4().hex}",
        kind=TEST.name,
        phase=_Phase.TEST,
        sentence=f"A test of the channel {channel.title}. Nothing is wrong.",
        path="/admin/dlq_review/alertdelivery/",
        began_at=now,
        created_at=now,
        next_try_at=now,
    )
    return True


def repeat_after() -> timedelta:
    return timedelta(hours=settings.ALERT_REPEAT_HOURS)


def _end(rows: QuerySet[RaisedAlert]) -> int:
    now = timezone.now()
    ended = list(rows.order_by("name").select_for_update())
    for row in ended:
        row.at = now
        # It may have begun on a machine whose clock is ahead.
        row.over_at = max(now, row.began_at or now)
        row.number += 1
        row.save(update_fields=["over_at", "at", "number"])
        _tell(row, _Phase.OVER)
    return len(ended)


def _tell(
    row: RaisedAlert,
    phase: AlertDelivery.Phase,
    channels: Sequence[Channel] | None = None,
) -> None:
    """Write the deliveries, in the transaction that changed or locked *row*."""
    kind, now = kind_of(row.kind), timezone.now()
    AlertDelivery.objects.bulk_create(
        AlertDelivery(
            channel=channel.name,
            name=row.name,
            number=row.number,
            kind=kind.name,
            phase=phase,
            sentence=row.sentence,
            path=row.path,
            began_at=row.began_at or now,
            ended_at=row.over_at if phase == _Phase.OVER else None,
            created_at=now,
            next_try_at=now if kind.is_urgent else quiet_hours.quiet_until(now),
        )
        for channel in (registry.configured() if channels is None else channels)
        if phase != _Phase.REMINDER or _reminds(kind, channel)
    )
    name, sentence = row.name, row.sentence
    transaction.on_commit(
        lambda: logger.warning("alert=%s phase=%s text=%r", name, phase, sentence)
    )


def _name(kind: Kind, about: str) -> str:
    return f"{kind.name}/{about}"[:100]


def _one_line(text: str) -> str:
    """*text* on one line: some of its words come from a message."""
    return "".join(char if char.isprintable() else " " for char in text)
