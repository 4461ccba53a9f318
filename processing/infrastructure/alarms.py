"""The alarms, as a table, and the dashboard beside them.

SQS's own metrics watch each queue and DLQ. The alarms on Holdfast's metrics exist only where
the parameter HoldfastMetrics is true, because one of them sounds when the metric is missing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from processing.infrastructure.intrinsics import (
    Function,
    Resources,
    att,
    logical,
    named_pairs,
    ref,
    sub,
)
from processing.sqs.topology import Queue

OURS = "Holdfast"
SQS = "AWS/SQS"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Sounds when *statistic* of *metric* is beyond *threshold*, *times* periods in a row."""

    name: str
    severity: str  # page: wake somebody; ticket: on the next working day
    metric: str
    statistic: str
    period: int  # seconds
    times: int
    threshold: int
    sentence: str  # {queue} is the queue's name
    dlq: bool = False  # SQS's metric of the DLQ, not of its source
    namespace: str = SQS
    sounds_below: bool = False
    missing: str = "notBreaching"


OF_EACH_QUEUE = (
    Alarm(
        "depth", "page", "ApproximateNumberOfMessagesVisible", "Average", 300, 2, 1000,
        "More than 1,000 messages wait on {queue}.",
    ),
    Alarm(
        "age", "page", "ApproximateAgeOfOldestMessage", "Maximum", 60, 3, 300,
        "A message on {queue} has waited longer than 300 s: its workers are too few or away.",
    ),
    Alarm(
        "dlq", "ticket", "ApproximateNumberOfMessagesVisible", "Maximum", 60, 1, 0,
        "Messages lie in the DLQ of {queue}. Longer than 5 minutes: nobody pulls them.",
        dlq=True,
    ),
    # CloudWatch looks once a minute, and the pull empties a DLQ every 30 s: most dead letters
    # are gone before they are seen. What the pull received is counted all the same.
    Alarm(
        "dead", "ticket", "NumberOfMessagesReceived", "Sum", 60, 1, 0,
        "A message of {queue} failed for good.",
        dlq=True,
    ),
    Alarm(
        "errors", "ticket", "MessagesProcessed", "Sum", 300, 2, 10,
        "More than 10 deliveries of {queue} failed in 5 minutes, twice.",
        namespace=OURS,
    ),
)  # fmt: skip
OF_THE_DESK = (
    Alarm(
        "silent", "page", "OpenDeadLetters", "SampleCount", 60, 5, 1,
        "For 5 minutes no repair worker has reported: is it running, and beat?",
        namespace=OURS, sounds_below=True, missing="breaching",
    ),
    Alarm(
        "open", "ticket", "OpenDeadLetters", "Maximum", 300, 1, 0,
        "More dead letters wait at the desk than OpenDeadLetters allows.",
        namespace=OURS,
    ),
)  # fmt: skip
#: Title of a panel -> metric, and whether it is the DLQ's.
PANELS = {
    "Waiting": ("ApproximateNumberOfMessagesVisible", False),
    "In flight": ("ApproximateNumberOfMessagesNotVisible", False),
    "Oldest, seconds": ("ApproximateAgeOfOldestMessage", False),
    "In a DLQ": ("ApproximateNumberOfMessagesVisible", True),
}


def alarms(queues: Mapping[str, Queue]) -> Resources:
    found = {
        f"{logical(queue.name)}{logical(alarm.name)}Alarm": _alarm(
            alarm, f"{queue.name}-{alarm.name}", _dimensions(alarm, queue), queue.name
        )
        for queue in queues.values()
        for alarm in OF_EACH_QUEUE
    }
    for alarm in OF_THE_DESK:
        dimensions = {"Prefix": ref("Prefix")}
        found[f"{logical(alarm.name)}Alarm"] = _alarm(alarm, alarm.name, dimensions)
    found["OpenAlarm"]["Properties"]["Threshold"] = ref("OpenDeadLetters")
    return found


def dashboard(queues: Mapping[str, Queue]) -> Resources:
    body = json.dumps({"widgets": list(_widgets(queues))})
    properties = {"DashboardName": sub("${Prefix}queues"), "DashboardBody": sub(body)}
    return {
        "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}
    }


def _alarm(
    alarm: Alarm, name: str, dimensions: dict[str, Any], queue: str = ""
) -> dict[str, Any]:
    beyond = "LessThanThreshold" if alarm.sounds_below else "GreaterThanThreshold"
    sentence = alarm.sentence.format(queue=queue)
    properties = {
        "AlarmName": sub("${Prefix}" + name),
        "AlarmDescription": f"{alarm.severity}: {sentence}",
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        "Dimensions": named_pairs("Name", dimensions),
        "Statistic": alarm.statistic,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.times,
        "ComparisonOperator": beyond,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.missing,
        "AlarmActions": [ref("AlertTopic")],
        "OKActions": [ref("AlertTopic")],
    }
    condition = {"Condition": "HasMetrics"} if alarm.namespace == OURS else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _dimensions(alarm: Alarm, queue: Queue) -> dict[str, Any]:
    if alarm.namespace == OURS:
        return {"Prefix": ref("Prefix"), "Queue": queue.name, "Status": "Failure"}
    return {"QueueName": _name_of(queue.dlq if alarm.dlq else queue.name)}


def _name_of(name: str) -> Function:
    return att(logical(name), "QueueName")


def _widgets(queues: Mapping[str, Queue]) -> Iterator[dict[str, Any]]:
    for place, (title, (metric, dlq)) in enumerate(PANELS.items()):
        names = [
            f"${{Prefix}}{queue.dlq if dlq else queue.name}{queue.suffix}"
            for queue in queues.values()
        ]
        yield {
            "type": "metric",
            "x": place % 2 * 12,
            "y": place // 2 * 6,
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "region": "${AWS::Region}",
                "stat": "Maximum",
                "period": 60,
                "metrics": [[SQS, metric, "QueueName", name] for name in names],
            },
        }
