"""Links to where logs and traces are kept, as LOG_URL and TRACE_URL say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from dlq_review.models import Arrival, DeadLetter
from processing.tracing.addresses import TRACE_ID, filled
from processing.tracing.context import Trace

_AROUND = timedelta(hours=1)
MOST = 5  # traces on one page


@dataclass(frozen=True, slots=True)
class Outside:
    logs: str
    """The address of the log lines; empty without one."""
    traces: list[tuple[str, str]]
    """Each trace id, and the address of the trace; empty without one."""


def links(
    request_id: str,
    correlation_id: str,
    traces: Iterable[Trace | None],
    moments: Sequence[datetime],
) -> Outside:
    """The links of a request that is in *traces*, newest first, and was seen at *moments*."""
    ids = list(dict.fromkeys(one.trace_id for one in traces if one))[:MOST]
    # The log has the request id as the correlation id of whatever came without one.
    correlated = correlation_id or request_id
    values = {"request_id": request_id, "correlation_id": correlated}
    if moments:
        values["from_ms"] = _milliseconds(min(moments) - _AROUND)
        values["to_ms"] = _milliseconds(max(moments) + _AROUND)
    newest = {TRACE_ID: ids[0]} if ids else {}
    return Outside(
        filled(settings.LOG_URL, values | newest),
        [(one, filled(settings.TRACE_URL, values | {TRACE_ID: one})) for one in ids],
    )


def links_of(letter: DeadLetter, arrivals: Iterable[Arrival]) -> Outside:
    moments = [letter.sent_at, letter.last_failed_at]
    traces = traces_of(arrivals)
    return links(letter.request_id, letter.correlation_id, traces, moments)


def traces_of(arrivals: Iterable[Arrival]) -> list[Trace | None]:
    return [Trace.beside(one.attributes) for one in arrivals]


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
