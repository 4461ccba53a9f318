"""Send the deliveries of alerts, each channel by itself.

Crash order: claim the oldest deliveries of a channel, which others then skip -> commit ->
send -> record. After a crash behind the send, the claim runs out after LEASE, and they are
sent again with the same ids: a receiver gets each at least once, and recognises a copy.

A thread for each channel sends, without the database, and this one claims and records. So
a receiver that hangs holds up its own channel only. A refused delivery ends after
REFUSALS tries, any other after GIVE_UP; each remains on the page of the deliveries.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from dlq_review.alerts import quiet_hours
from dlq_review.alerts.channels import registry
from dlq_review.alerts.channels.channel import Channel
from dlq_review.alerts.kinds import KINDS, kind_of
from dlq_review.models import AlertDelivery, LifeSign, UntoldAlert
from processing.outbound.errors import UndeliveredError

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)
LONGEST_SEND = 100.0  # seconds that a run waits for a channel; mail is the slowest
FIRST_PAUSE, LONGEST_PAUSE = 15, 300  # seconds between two tries
REFUSALS = 8
GIVE_UP = timedelta(days=1)
_LOOK = 0.5  # seconds between two looks for new deliveries, while a channel is slow
_FREE = {"claim": None, "claimed_until": None}
_State = AlertDelivery.State


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one message of a channel holds."""

    channel: Channel
    rows: list[AlertDelivery]
    claim: UUID


@dataclass(frozen=True, slots=True)
class _Tried:
    batch: _Batch
    error: UndeliveredError | None


def waiting() -> QuerySet[AlertDelivery]:
    return AlertDelivery.objects.filter(state=_State.WAITING)


def trouble_of(channel: Channel) -> str:
    """Why *channel* takes nothing, as a sentence; empty while it does."""
    return "".join(_sign(channel).values_list("trouble", flat=True))


def due() -> bool:
    """Whether there is something to send or to end now."""
    names = [channel.name for channel in registry.configured()]
    sendable = any(_sendable(name).exists() for name in names)
    return sendable or _too_old(names).exists() or UntoldAlert.objects.exists()


def deliver(*, seconds: float, without: Collection[str] = ()) -> int:
    """Send what is due, for about *seconds*; return how many were delivered.

    A channel whose message was not taken rests until the next run.
    """
    _adopt()
    _tidy()
    channels = [one for one in registry.configured() if one.name not in without]
    ends = monotonic() + seconds
    answers: Queue[_Tried] = Queue()
    idle = {channel.name: channel for channel in channels}
    sending: set[str] = set()
    sent = 0
    while True:
        for channel in list(idle.values()) if monotonic() < ends else ():
            if batch := _claim(channel):
                sending.add(idle.pop(channel.name).name)
                _start(batch, answers)
        if not sending or monotonic() >= ends + LONGEST_SEND:
            return sent
        try:
            tried = answers.get(timeout=_LOOK)
        except Empty:
            continue
        sending.discard(tried.batch.channel.name)
        sent += _record(tried)
        if tried.error is None:
            idle[tried.batch.channel.name] = tried.batch.channel


def _start(batch: _Batch, answers: "Queue[_Tried]") -> None:
    def send() -> None:
        error = None
        try:
            batch.channel.send(batch.rows)
        except UndeliveredError as undelivered:
            error = undelivered
        except Exception as unknown:  # its text may hold a secret
            error = UndeliveredError(type(unknown).__name__)
        answers.put(_Tried(batch, error))

    Thread(target=send, name=f"alerts-{batch.channel.name}", daemon=True).start()


def _sendable(channel: str) -> QuerySet[AlertDelivery]:
    """What may be sent by *channel* now: of one alert in its order, and by one process."""
    now = timezone.now()
    mine = waiting().filter(channel=channel)
    earlier = mine.filter(name=OuterRef("name"), pk__lt=OuterRef("pk"))
    claimed = mine.filter(claimed_until__gt=now)
    asked = LifeSign.objects.filter(name=_sign_name(channel), rests_until__gt=now)
    if quiet_hours.quiet_until(now) > now:  # it may be late since before they began
        mine = mine.filter(
            kind__in=[one.name for one in KINDS.values() if one.is_urgent]
        )
    return mine.filter(
        ~Exists(earlier), ~Exists(claimed), ~Exists(asked), next_try_at__lte=now
    )


@transaction.atomic
def _claim(channel: Channel) -> _Batch | None:
    # What was not taken so often goes behind what may be: it would hold that up for a day.
    first = Greatest("tries", REFUSALS - 1), "pk"
    found = _sendable(channel.name).order_by(*first)
    rows = list(found.select_for_update(skip_locked=True)[: channel.most])
    if not rows:
        return None
    batch = _Batch(channel, rows, uuid4())
    AlertDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        claim=batch.claim,
        claimed_until=timezone.now() + LEASE,
        tries=F("tries") + 1,
    )
    return batch


@transaction.atomic
def _record(tried: _Tried) -> int:
    """Record the answer, unless the claim was lost; return how many were delivered."""
    mine = waiting().filter(claim=tried.batch.claim)
    if tried.error is None:
        now = timezone.now()
        sent = mine.update(**_FREE, state=_State.SENT, sent_at=now, last_error="")
        _sign(tried.batch.channel).delete()
        return sent
    pause = _pause(max(row.tries for row in tried.batch.rows) + 1, tried.error)
    for row in mine.select_for_update():
        ends = tried.error.is_refusal and row.tries >= REFUSALS
        mine.filter(pk=row.pk).update(
            **_FREE,
            last_error=str(tried.error)[:200],
            state=_State.GIVEN_UP if ends else _State.WAITING,
            next_try_at=_held(row.kind, timezone.now() + pause),
        )
    _rest(tried.batch.channel, tried.error, pause)
    return 0


def _pause(tries: int, error: UndeliveredError) -> timedelta:
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 10))
    return timedelta(seconds=max(seconds, error.retry_after or 0))


def _held(kind: str, at: datetime) -> datetime:
    """*at*, or the end of the quiet hours."""
    return at if kind_of(kind).is_urgent else quiet_hours.quiet_until(at)


def _rest(channel: Channel, error: UndeliveredError, pause: timedelta) -> None:
    """Let all that waits for *channel* wait as long, and tell the overview.

    A new delivery is tried at once all the same, unless the receiver asked for the pause.
    """
    until = timezone.now() + pause
    waiting().filter(channel=channel.name, next_try_at__lt=until).update(
        next_try_at=until
    )
    LifeSign.objects.update_or_create(
        name=_sign_name(channel.name),
        defaults={
            "at": timezone.now(),
            "trouble": f"{channel.title} takes no alerts ({error}). They wait, and are"
            " tried again.",
            "rests_until": until if error.retry_after else None,
        },
    )
    logger.error("channel=%s undelivered=%r", channel.name, str(error))


def _sign_name(channel: str) -> str:
    return f"alerts by {channel}"


def _sign(channel: Channel) -> QuerySet[LifeSign]:
    return LifeSign.objects.filter(name=_sign_name(channel.name))


def _too_old(channels: Collection[str]) -> QuerySet[AlertDelivery]:
    """Tried for too long, or of a channel that is set no more."""
    now = timezone.now()
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    hopeless = Q(tries__gt=0) | ~Q(channel__in=channels)
    return waiting().filter(free, hopeless, created_at__lt=now - GIVE_UP)


def _tidy() -> None:
    """Give up what is too old, and forget the trouble of channels that are set no more."""
    names = [channel.name for channel in registry.configured()]
    if number := _too_old(names).update(state=_State.GIVEN_UP):
        logger.error("alerts=%s given_up=1", number)
    signs = LifeSign.objects.filter(name__startswith=_sign_name(""))
    signs.exclude(name__in=[_sign_name(name) for name in names]).delete()


@transaction.atomic
def _adopt() -> None:
    """Make deliveries of what the previous release stored; drop it with that table."""
    now = timezone.now()
    for one in UntoldAlert.objects.select_for_update(skip_locked=True)[:500]:
        AlertDelivery.objects.create(
            channel="mail",
            name=f"earlier/{one.pk}",
            kind="test" if one.name not in KINDS else one.name,
            phase=AlertDelivery.Phase.RAISED,
            sentence=one.sentence,
            path=one.path,
            began_at=now,
            created_at=now,
            next_try_at=now,
        )
        one.delete()
