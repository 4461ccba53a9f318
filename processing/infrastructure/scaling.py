"""Workers are scaled by the backlog of each: what waits and what is in flight.

A worker receives more than it processes at once, so much of its work is in flight and not
visible. Processor load would say little: a worker that waits for mail has none.
"""

from collections.abc import Mapping
from typing import Any

from processing.infrastructure.intrinsics import (
    Resources,
    att,
    named_pairs,
    ref,
    sub,
)
from processing.sqs.topology import Queue

MOST_METRICS = 10  # AWS takes no more in one scaling policy: two a queue, and two more
#: Event queues whose backlog does not change the number of workers.
UNWATCHED: tuple[str, ...] = ()
WAITING = "ApproximateNumberOfMessagesVisible"
IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"


class TooManyQueuesError(ValueError):
    """One scaling policy watches 4 queues. Name others in processing/infrastructure/scaling.py:UNWATCHED."""


def scaling(queues: Mapping[str, Queue]) -> Resources:
    """Raises TooManyQueuesError."""
    target = {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": sub("service/${Cluster}/${WorkerService.Name}"),
        "MinCapacity": 1,
        "MaxCapacity": ref("MostWorkers"),
    }
    tracking = {
        "TargetValue": ref("BacklogPerWorker"),
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 300,
        "CustomizedMetricSpecification": {"Metrics": _metrics(queues)},
    }
    policy = {
        "PolicyName": "backlog-per-worker",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": ref("Workers"),
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }
    kind = "AWS::ApplicationAutoScaling::"
    return {
        "Workers": {"Type": f"{kind}ScalableTarget", "Properties": target},
        "Backlog": {"Type": f"{kind}ScalingPolicy", "Properties": policy},
    }


def _metrics(queues: Mapping[str, Queue]) -> list[dict[str, Any]]:
    events = [one for one in queues.values() if one.name not in ("jobs", *UNWATCHED)]
    found = [
        _metric(f"{kind}{place}", "AWS/SQS", metric, "Sum", QueueName=_name(queue))
        for place, queue in enumerate(events)
        for kind, metric in (("waiting", WAITING), ("held", IN_FLIGHT))
    ]
    backlog = " + ".join(one["Id"] for one in found)
    tasks = _metric(
        "tasks",
        "ECS/ContainerInsights",
        "RunningTaskCount",
        "Average",
        ClusterName=ref("Cluster"),
        ServiceName=att("WorkerService", "Name"),
    )
    each = {
        "Id": "each",
        "Expression": f"({backlog}) / IF(tasks < 1, 1, tasks)",
        "Label": "backlog of each worker",
        "ReturnData": True,
    }
    if len(found) + 2 > MOST_METRICS:
        raise TooManyQueuesError(TooManyQueuesError.__doc__)
    return [*found, tasks, each]


def _metric(
    name: str, namespace: str, metric: str, statistic: str, **dimensions: Any
) -> dict[str, Any]:
    of = {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": named_pairs("Name", dimensions),
    }
    stat = {"Stat": statistic, "Metric": of}
    return {"Id": name, "ReturnData": False, "MetricStat": stat}


def _name(queue: Queue) -> Any:
    return sub("${Prefix}" + queue.name + queue.suffix)
