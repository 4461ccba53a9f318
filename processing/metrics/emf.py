"""Metrics for CloudWatch, as log lines in its embedded metric format.

CloudWatch Logs makes metrics of a JSON line with the member `_aws`: no call and no
permission, and nothing waits if CloudWatch is away. A line tells what happened in the
minute before. It is a line of its own, without time and logger in front.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence

from django.conf import settings

from processing.metrics.declared import DURATION, PROCESSED, STATUSES

NAMESPACE = "Holdfast"
_MOST_VALUES = 100  # CloudWatch: in one list
logger = logging.getLogger("processing.emf")


class Minutes:
    """Tells what the processes of this pool counted since it told last."""

    def __init__(self) -> None:
        self._processed = PROCESSED.totals()
        self._durations = DURATION.totals()

    def lines(self) -> list[str]:
        """One for each queue and status that a message ended with; successes, always."""
        processed, durations = PROCESSED.totals(), DURATION.totals()
        found = []
        for key, number in processed.items():
            queue, status = key
            new = number - self._processed[key]
            if new or status == STATUSES[0]:
                pairs = zip(durations[key], self._durations[key], strict=True)
                buckets = [(n - m, ms - before) for (n, ms), (m, before) in pairs]
                found.append(_of_deliveries(queue, status, new, buckets))
        self._processed, self._durations = processed, durations
        return found


def tell(lines: Sequence[str]) -> None:
    for line in lines:
        logger.info(line)


def of_system(figures: Mapping[str, float]) -> str:
    """One line with figures of the whole system, by name."""
    return _line(dict.fromkeys(figures, "Count"), {}, figures)


def _of_deliveries(
    queue: str, status: str, number: int, buckets: Sequence[tuple[int, int]]
) -> str:
    names = {"MessagesProcessed": "Count"}
    values: dict[str, object] = {"MessagesProcessed": number}
    if durations := list(_means(buckets)):
        names["ProcessingDuration"] = "Milliseconds"
        values["ProcessingDuration"] = {
            "Values": [mean for mean, _ in durations],
            "Counts": [count for _, count in durations],
        }
    return _line(names, {"Queue": queue, "Status": status.capitalize()}, values)


def _means(buckets: Sequence[tuple[int, int]]) -> Iterator[tuple[float, int]]:
    """For each bucket with a message: their mean in ms, and their number."""
    for number, ms in buckets[:_MOST_VALUES]:
        if number:
            yield round(ms / number, 3), number


def _line(
    names: Mapping[str, str], labels: Mapping[str, str], values: Mapping[str, object]
) -> str:
    dimensions = {"Prefix": settings.SQS_QUEUE_PREFIX, **labels}
    about = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in names.items()],
    }
    head = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [about]}
    line = {"_aws": head, **dimensions, **values}
    return json.dumps(line, separators=(",", ":"))
