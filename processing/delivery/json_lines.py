"""Log lines as JSON objects, for stores that search by field.

The calls stay as they are: `logger.info("request_id=%s ms=%s", ...)` names its values in the
template, so the fields are read back from there.
"""

import functools
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from processing.delivery.error_texts import (
    Formatter,
    correlation_of,
    trace_of,
    without_secrets,
)

_PAIR = re.compile(r"(?<!\S)([a-z_0-9]+)=(\S+)")
_VALUE = re.compile(r"%[sr](?=;?$)")
_PLACEHOLDER = re.compile(r"%[^%]")


class JSONFormatter(Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": without_secrets(record.getMessage()),
        }
        if found := correlation_of(record):
            line["correlation_id"] = found
        if trace := trace_of(record):
            line["trace_id"] = trace.trace_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        for name, value in _fields(record).items():
            line.setdefault(name, value)
        return json.dumps(line, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    if not isinstance(record.msg, str) or not isinstance(record.args, tuple | None):
        return {}
    names, fixed = named(record.msg)
    values = record.args or ()
    if len(names) != len(values):
        return fixed
    told = zip(names, map(_plain, values), strict=True)
    return {**fixed, **{name: value for name, value in told if name}}


@functools.lru_cache(maxsize=512)
def named(template: str) -> tuple[list[str], dict[str, str]]:
    """The name of each placeholder, empty where it has none; and the pairs without one."""
    fixed, by_place = {}, {}
    for pair in _PAIR.finditer(template):
        if _VALUE.fullmatch(pair[2]) or _VALUE.match(pair[2]):
            by_place[pair.start(2)] = pair[1]
        elif "%" not in pair[2]:
            fixed[pair[1]] = pair[2].rstrip(";")
    places = [found.start() for found in _PLACEHOLDER.finditer(template)]
    return [by_place.get(place, "") for place in places], fixed


def _plain(value: object) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    return without_secrets(str(value))
