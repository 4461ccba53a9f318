"""The hours in which only urgent alerts are told (ALERT_QUIET_HOURS)."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings


class QuietHoursError(ValueError):
    """Write the hours as in 22:00-07:00, and the time zone as in Europe/Berlin."""


def quiet_until(now: datetime) -> datetime:
    """The end of the quiet hours; *now* outside of them, and where they cannot be read.

    A check names what cannot be read; whoever raises an alert is not stopped by it.
    """
    try:
        return _quiet_until(now) if settings.ALERT_QUIET_HOURS else now
    except QuietHoursError:
        return now


def _quiet_until(now: datetime) -> datetime:
    begin, end = _times(settings.ALERT_QUIET_HOURS)
    local = now.astimezone(_zone(settings.ALERT_TIME_ZONE))
    clock, over_midnight = local.time(), begin > end
    began, goes_on = begin <= clock, clock < end
    if not (began or goes_on if over_midnight else began and goes_on):
        return now
    day = local.date() + timedelta(days=int(over_midnight and began))
    return datetime.combine(day, end, local.tzinfo).astimezone(now.tzinfo)


def check() -> None:
    """Read both settings. Raises QuietHoursError."""
    _zone(settings.ALERT_TIME_ZONE)
    if settings.ALERT_QUIET_HOURS:
        _times(settings.ALERT_QUIET_HOURS)


def _times(text: str) -> tuple[time, time]:
    begin, _, end = text.partition("-")
    try:
        times = time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
    except ValueError:
        raise QuietHoursError(QuietHoursError.__doc__) from None
    if times[0] == times[1] or any(one.tzinfo for one in times):
        raise QuietHoursError(QuietHoursError.__doc__)
    return times


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise QuietHoursError(QuietHoursError.__doc__) from None
