"""The stack of `infra/messaging.json` in an account, and the keys of its roles."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.aws import Account, with_batch_actions
from tests.cloud import Cloud

ROLES = ("web", "worker", "jobs", "beat")


class GuardedCloud(Cloud):
    """CloudFormation of an account, as the account itself."""

    def __init__(self, aws: Account) -> None:
        super().__init__(aws.url)
        self._aws = aws

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._aws.client(service)
        return self._clients[service]


class Stack:
    """What was made of the template: its resources, outputs and queues."""

    def __init__(self, cloud: GuardedCloud, resources: int, prefix: str) -> None:
        self.cloud = cloud
        self.resources = resources
        self.prefix = prefix
        [found] = cloud.client("cloudformation").describe_stacks()["Stacks"]
        self._outputs = {
            one["OutputKey"]: str(one["OutputValue"]) for one in found["Outputs"]
        }

    @property
    def bucket(self) -> str:
        return self._outputs["ArchiveBucket"]

    def policy(self, role: str) -> str:
        """The ARN of the managed policy of *role*."""
        return self._outputs[f"{role.capitalize()}PolicyArn"]

    def send(self, queue: str, body: str) -> None:
        """As a producer that knows nothing of Holdfast."""
        sqs = self.cloud.client("sqs")
        where = sqs.get_queue_url(QueueName=f"{self.prefix}{queue}")["QueueUrl"]
        sqs.send_message(QueueUrl=where, MessageBody=body)

    def waiting(self) -> dict[str, int]:
        """Messages that are on a queue or in flight, by the URL of the queue, if any."""
        sqs, found = self.cloud.client("sqs"), {}
        for url in sqs.list_queues()["QueueUrls"]:
            shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            found[url.rpartition("/")[2]] = sum(
                int(value)
                for name, value in shown["Attributes"].items()
                if name.startswith("ApproximateNumber")
            )
        return {name: count for name, count in found.items() if count}

    def archived(self) -> list[dict[str, Any]]:
        """The objects of the archive, read."""
        s3 = self.cloud.client("s3")
        return [
            json.loads(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
            for key in self._keys()
        ]

    def empty_archive(self) -> None:
        """CloudFormation deletes no bucket that holds objects."""
        s3 = self.cloud.client("s3")
        versions = s3.list_object_versions(Bucket=self.bucket).get("Versions", [])
        for one in versions:
            s3.delete_object(
                Bucket=self.bucket, Key=one["Key"], VersionId=one["VersionId"]
            )

    def _keys(self) -> list[str]:
        s3 = self.cloud.client("s3")
        found = s3.list_objects_v2(Bucket=self.bucket, Prefix="failed/")
        return [one["Key"] for one in found.get("Contents", [])]


@contextmanager
def deployed(aws: Account, infra: Path, environment: str) -> Iterator[Stack]:
    """The stack of *environment*, as `infra/parameters/` describes it, until the end."""
    parameters = json.loads((infra / "parameters" / f"{environment}.json").read_text())
    given: dict[str, str] = parameters["Parameters"]
    cloud = GuardedCloud(aws)
    with cloud.stack(_for_ministack(infra / "messaging.json"), **given) as made:
        yield Stack(cloud, len(made), given["Prefix"])


def _for_ministack(file: Path) -> str:
    template = json.loads(file.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            properties = resource["Properties"]
            properties["PolicyDocument"] = _guarded(properties["PolicyDocument"])
    return json.dumps(template)


def _guarded(policy: dict[str, Any]) -> dict[str, Any]:
    """Statements that stand on a condition, as that of the key, have no batch form."""
    statements = policy["Statement"]
    plain = [one for one in statements if "Action" in one]
    changed = with_batch_actions({**policy, "Statement": plain})
    others = [one for one in statements if "Action" not in one]
    return {**policy, "Statement": [*changed["Statement"], *others]}
