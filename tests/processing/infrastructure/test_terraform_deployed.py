"""Terraform and CloudFormation make the same queues and alarms, as their APIs tell.

Needs terraform and its provider for AWS. TF_PLUGIN_DIR names a folder with the provider,
where terraform cannot download one.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processing.infrastructure import terraform
from tests.cloud import Cloud, cloud
from tests.processing.infrastructure.rendering import Template, messaging, text

pytestmark = pytest.mark.siege

#: What the test makes: enough for alarms that name queues and topic.
TYPES = ("aws_sqs_queue", "aws_cloudwatch_metric_alarm", "aws_sns_topic")
OF_THE_SERVER = ("Created", "LastModified", "Approximate", "QueueArn", "Policy")
OF_CLOUDFORMATION = "aws:cloudformation:"
BEFORE_6_8 = 262_144  # bytes; the most that an older provider takes for a message
LONGEST = 600  # seconds
PROVIDER = {
    "region": "us-east-1",
    "access_key": "test",
    "secret_key": "test",
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
}
SERVICES = ("cloudwatch", "iam", "sns", "sqs", "sts")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Cloud]:
    folder = tmp_path / "cloud"
    folder.mkdir()
    with cloud(folder) as found:
        yield found


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *command, "-no-color"],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )


def initialized(folder: Path, module: Template) -> None:
    """A folder with *module*, for whatever provider there is; skips without any."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    folder.mkdir()
    module["terraform"]["required_providers"]["aws"]["version"] = ">= 5.80"
    for queue in module["resource"]["aws_sqs_queue"].values():
        queue["max_message_size"] = BEFORE_6_8
    (folder / "main.tf.json").write_text(json.dumps(module))
    plugins = os.environ.get("TF_PLUGIN_DIR")
    found = run(folder, "init", *([f"-plugin-dir={plugins}"] if plugins else []))
    if found.returncode:
        pytest.skip(f"terraform finds no provider for AWS: {found.stderr[:300]}")


def test_terraform_takes_the_whole_module(tmp_path: Path) -> None:
    initialized(tmp_path / "module", terraform.module(messaging()))
    found = run(tmp_path / "module", "validate")
    assert found.returncode == 0, found.stderr


def test_both_make_the_same_queues_and_alarms(tmp_path: Path, aws: Cloud) -> None:
    template = messaging()
    module = terraform.module(template)
    module["resource"] = {kind: module["resource"][kind] for kind in TYPES}
    del module["output"]
    endpoints = dict.fromkeys(SERVICES, aws.endpoint)
    module["provider"] = {"aws": {**PROVIDER, "endpoints": [endpoints]}}
    folder = tmp_path / "module"
    initialized(folder, module)
    variables = ["-var=holdfast_metrics=true", "-auto-approve", "-input=false"]
    applied = run(folder, "apply", *variables)
    assert applied.returncode == 0, applied.stderr
    by_terraform = seen(aws)
    destroyed = run(folder, "destroy", *variables)
    assert destroyed.returncode == 0, destroyed.stderr
    assert aws.left() == []

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::SQS::Queue":
            resource["Properties"]["MaximumMessageSize"] = BEFORE_6_8
    with aws.stack(text(template), HoldfastMetrics="true"):
        by_cloudformation = seen(aws)
    assert len(by_terraform) == 10 + 27
    assert differences(by_terraform, by_cloudformation) == []


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[Any]:
    """Name, field, and what each has of it."""
    assert set(one) == set(other)
    return [
        (name, field, one[name].get(field), other[name].get(field))
        for name in one
        for field in {*one[name], *other[name]}
        if one[name].get(field) != other[name].get(field)
    ]


def seen(aws: Cloud) -> dict[str, Any]:
    """The attributes and tags of each queue, and the fields of each alarm."""
    sqs, cloudwatch = aws.client("sqs"), aws.client("cloudwatch")
    found: dict[str, Any] = {}
    for address in sqs.list_queues()["QueueUrls"]:
        asked = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=["All"])
        found[address] = {
            name: json.loads(value) if value.startswith("{") else value
            for name, value in asked["Attributes"].items()
            if not name.startswith(OF_THE_SERVER)
        }
        tags = sqs.list_queue_tags(QueueUrl=address)["Tags"].items()
        found[address]["tags"] = {
            name: value
            for name, value in tags
            if not name.startswith(OF_CLOUDFORMATION)
        }
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        found[alarm["AlarmName"]] = {
            name: value
            for name, value in alarm.items()
            if not name.startswith("State") and "Timestamp" not in name
        }
        found[alarm["AlarmName"]]["Dimensions"].sort(key=lambda one: one["Name"])
    return found
