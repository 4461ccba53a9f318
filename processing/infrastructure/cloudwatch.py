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
from processing.infrastructure.panels import PANELS, Told
from processing.sqs.topology import Queue


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
    drawn = [(one.title, one.cloudwatch) for one in PANELS if one.cloudwatch]
    for place, (title, told) in enumerate(drawn):
        yield {
            "type": "metric",
            "x": place % 2 * 12,
            "y": place // 2 * 6,
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "region": "${AWS::Region}",
                "stat": told.statistics[0],
                "period": 60,
                "metrics": list(_lines(told, queues)),
            },
        }


def _lines(told: Told, queues: Mapping[str, Queue]) -> Iterator[list[Any]]:
    """As a dashboard writes metrics: `...` stands for all that is as in the line before."""
    if told.namespace == SQS:
        names = [
            f"${{Prefix}}{queue.dlq if told.dlq else queue.name}{queue.suffix}"
            for queue in queues.values()
        ]
        yield [SQS, told.metric, "QueueName", names[0]]
        yield from (["...", name] for name in names[1:])
    elif told.dimensions == ("Prefix",):
        yield [told.namespace, told.metric, "Prefix", "${Prefix}"]
    else:
        schema = ",".join([told.namespace, *told.dimensions])
        wanted = f'{{{schema}}} MetricName="{told.metric}" Prefix="${{Prefix}}"'
        for statistic in told.statistics:
            yield [{"expression": f"SEARCH('{wanted}', '{statistic}', 60)"}]
