"""An AWS on this machine that makes what a CloudFormation template declares."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.live import LiveSystem, wait_for

SERVICES = (
    *("cloudformation", "cloudfront", "cloudwatch", "ecs", "iam", "kms", "logs"),
    *("sns", "sts", "wafv2"),
)
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
BUSY = "_IN_PROGRESS"


class Cloud:
    """Clients of every service at *endpoint*."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            make: Any = boto3.client
            self._clients[service] = make(
                service,
                endpoint_url=self.endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self._clients[service]

    @contextmanager
    def stack(self, body: str, **parameters: str) -> Iterator[dict[str, str]]:
        """Deploy the template *body*; its resources that were made, name -> type."""
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(
            StackName="holdfast",
            TemplateBody=body,
            Capabilities=CAPABILITIES,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
        )
        assert wait_for(self._status) == "CREATE_COMPLETE", self._reasons()
        found = cloudformation.describe_stack_resources(StackName="holdfast")
        try:
            yield {
                one["LogicalResourceId"]: one["ResourceType"]
                for one in found["StackResources"]
            }
        finally:
            cloudformation.delete_stack(StackName="holdfast")
            assert wait_for(self._status) == "DELETE_COMPLETE"

    def left(self) -> list[str]:
        """The names of everything in this account that a template makes."""
        asked: tuple[tuple[str, str, Mapping[str, Any], str, str], ...] = (
            ("sqs", "list_queues", {}, "QueueUrls", ""),
            ("s3", "list_buckets", {}, "Buckets", "Name"),
            ("sns", "list_topics", {}, "Topics", "TopicArn"),
            ("sns", "list_subscriptions", {}, "Subscriptions", "Endpoint"),
            ("cloudwatch", "describe_alarms", {}, "MetricAlarms", "AlarmName"),
            ("cloudwatch", "list_dashboards", {}, "DashboardEntries", "DashboardName"),
            ("iam", "list_roles", {}, "Roles", "RoleName"),
            ("ecs", "list_clusters", {}, "clusterArns", ""),
            ("iam", "list_policies", {"Scope": "Local"}, "Policies", "PolicyName"),
        )
        return [
            one[name] if name else one
            for service, call, given, key, name in asked
            for one in getattr(self.client(service), call)(**given).get(key, [])
        ]

    def _status(self) -> str:
        """Empty while CloudFormation is at work."""
        try:
            [stack] = self.client("cloudformation").describe_stacks(
                StackName="holdfast"
            )["Stacks"]
        except ClientError:
            return "DELETE_COMPLETE"
        status = str(stack["StackStatus"])
        return "" if status.endswith(BUSY) else status

    def _reasons(self) -> list[str]:
        events = self.client("cloudformation").describe_stack_events(
            StackName="holdfast"
        )
        return [
            f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}"
            for one in events["StackEvents"]
            if "FAILED" in one["ResourceStatus"]
        ]


@contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    server = LiveSystem(folder)
    try:
        server.start_sqs(*SERVICES)
        yield Cloud(server.endpoint)
    finally:
        for process in server.processes:
            server.kill(process)
