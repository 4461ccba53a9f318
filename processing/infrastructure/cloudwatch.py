"""The alarms and the dashboard of CloudWatch.

The alarms on Holdfast's metrics exist only where the parameter HoldfastMetrics is true,
because one of them sounds when the metric is missing.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from processing.infrastructure.alarms import (
    OF_EACH_QUEUE,
    OF_THE_SYSTEM,
    OURS,
    SQS,
    Alarm,
    Watch,
)
from processing.infrastructure.intrinsics import (
    Resources,
    att,
    logical,
    named_pairs,
    ref,
    sub,
)
from processing.sqs.topology import Queue

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
            alarm,
            f"{queue.name}-{alarm.name}",
            _dimensions(alarm.cloudwatch, queue),
            queue.name,
        )
        for queue in queues.values()
        for alarm in OF_EACH_QUEUE
    }
    for alarm in OF_THE_SYSTEM:
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
    watch = alarm.cloudwatch
    is_low = watch.below is not None
    sentence = alarm.sentence.format(queue=queue)
    properties = {
        "AlarmName": sub("${Prefix}" + name),
        "AlarmDescription": f"{alarm.severity}: {sentence}",
        "Namespace": watch.namespace,
        "MetricName": watch.metric,
        "Dimensions": named_pairs("Name", dimensions),
        "Statistic": watch.statistic,
        "Period": watch.period,
        "EvaluationPeriods": watch.times,
        "ComparisonOperator": "LessThanThreshold" if is_low else "GreaterThanThreshold",
        "Threshold": watch.below if is_low else alarm.above,
        "TreatMissingData": "breaching" if is_low else "notBreaching",
        "AlarmActions": [ref("AlertTopic")],
        "OKActions": [ref("AlertTopic")],
    }
    condition = {"Condition": "HasMetrics"} if watch.namespace == OURS else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _dimensions(watch: Watch, queue: Queue) -> dict[str, Any]:
    if watch.namespace == OURS:
        return {"Prefix": ref("Prefix"), "Queue": queue.name, "Status": "Failure"}
    name = queue.dlq if watch.dlq else queue.name
    return {"QueueName": att(logical(name), "QueueName")}


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
