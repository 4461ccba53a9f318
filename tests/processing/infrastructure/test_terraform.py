"""The messaging template in Terraform: every property has a translation, or none is made."""

import json
from typing import Any

import pytest

from processing.infrastructure import terraform
from processing.infrastructure.terraform_expressions import (
    Expressions,
    UntranslatedError,
)
from tests.processing.infrastructure.rendering import messaging, of_type

PARTS = {
    "Parameters": {"Prefix": {}, "KmsKeyArn": {}},
    "Resources": {
        "OrdersDlq": {"Type": "AWS::SQS::Queue"},
        "AlertTopic": {"Type": "AWS::SNS::Topic"},
        "Archive": {"Type": "AWS::S3::Bucket"},
    },
}
NOTHING = {"Ref": "AWS::NoValue"}
REGION = "data.aws_region.here.id"


def made(kind: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = terraform.module(messaging())["resource"][kind]
    return found


def test_each_resource_is_translated() -> None:
    template = messaging()
    module = terraform.module(template)
    counts = {kind: len(found) for kind, found in module["resource"].items()}
    # Terraform has resources of their own for five parts of the bucket, and one of a role.
    apart = [kind for kind in counts if kind.startswith("aws_s3_bucket_")]
    assert len(apart) == 6
    assert counts["aws_iam_role_policy_attachment"] == counts["aws_iam_role"] == 4
    assert sum(counts.values()) == len(template["Resources"]) + 5 + 4


def test_a_queue_has_the_attributes_of_the_template() -> None:
    queue, found = (
        of_type(messaging(), "AWS::SQS::Queue")["Orders"],
        made("aws_sqs_queue"),
    )
    assert found["orders"] == {
        "name": "${var.prefix}orders",
        "visibility_timeout_seconds": queue["VisibilityTimeout"],
        "message_retention_seconds": queue["MessageRetentionPeriod"],
        "receive_wait_time_seconds": queue["ReceiveMessageWaitTimeSeconds"],
        "delay_seconds": 0,
        "max_message_size": 1_048_576,
        "sqs_managed_sse_enabled": "${(local.has_key ? null : true)}",
        "kms_master_key_id": "${(local.has_key ? var.kms_key_arn : null)}",
        "redrive_policy": (
            '${jsonencode({"deadLetterTargetArn" = aws_sqs_queue.orders_dlq.arn,'
            ' "maxReceiveCount" = 3})}'
        ),
        "tags": {"project": "holdfast", "environment": "${var.environment}"},
    }


def test_an_alarm_on_our_own_metrics_depends_on_the_variable() -> None:
    found = made("aws_cloudwatch_metric_alarm")
    assert found["silent_alarm"]["count"] == "${local.has_metrics ? 1 : 0}"
    assert "count" not in found["orders_depth_alarm"]


def test_the_provider_takes_queues_of_messages_up_to_one_mebibyte() -> None:
    module = terraform.module(messaging())
    assert module["terraform"]["required_providers"]["aws"]["version"] == ">= 6.8"


def test_each_variable_refuses_what_the_parameter_refuses() -> None:
    variables = terraform.module(messaging())["variable"]
    [rule] = variables["environment"]["validation"]
    listed = '["dev", "staging", "production"]'
    assert rule["condition"] == f"${{contains({listed}, var.environment)}}"
    [rule] = variables["archive_days"]["validation"]
    assert rule["condition"] == "${var.archive_days >= 1}"


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        (300, 300),
        ("costs ${1}", "costs $${1}"),
        ({"Ref": "Prefix"}, "${var.prefix}"),
        ({"Ref": "AlertTopic"}, "${aws_sns_topic.alert_topic.arn}"),
        ({"Ref": "AWS::Region"}, f"${{{REGION}}}"),
        ({"Fn::GetAtt": ["OrdersDlq", "Arn"]}, "${aws_sqs_queue.orders_dlq.arn}"),
        (
            {"Fn::GetAtt": ["OrdersDlq", "QueueName"]},
            "${aws_sqs_queue.orders_dlq.name}",
        ),
        ({"Fn::Sub": "${Prefix}a-${AWS::Region}"}, f"${{var.prefix}}a-${{{REGION}}}"),
        ({"Fn::Sub": "${Archive.Arn}/*"}, "${aws_s3_bucket.archive.arn}/*"),
        (
            {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, NOTHING]},
            "${(local.has_key ? var.kms_key_arn : null)}",
        ),
        (
            [1, {"Fn::If": ["HasKey", 2, NOTHING]}],
            "${[for one in [1, (local.has_key ? 2 : null)] : one if one != null]}",
        ),
        ({"a": {"Fn::Sub": 'say "${Prefix}"'}}, '${{"a" = "say \\"${var.prefix}\\""}}'),
    ],
)
def test_a_function_becomes_an_expression(value: Any, argument: Any) -> None:
    assert Expressions(PARTS).argument(value) == argument


@pytest.mark.parametrize(
    "value", [{"Fn::ImportValue": "x"}, {"Fn::GetAtt": ["OrdersDlq", "Color"]}]
)
def test_a_function_without_a_translation_is_refused(value: Any) -> None:
    with pytest.raises(UntranslatedError, match="has no translation"):
        Expressions(PARTS).argument(value)


def place(template: Any, *path: str) -> Any:
    for name in path:
        template = template[name]
        template = template[0] if isinstance(template, list) else template
    return template


@pytest.mark.parametrize(
    "path",
    [
        ["Resources", "Orders"],
        ["Resources", "Orders", "Properties"],
        ["Resources", "Archive", "Properties"],
        ["Resources", "Archive", "Properties", "LifecycleConfiguration", "Rules"],
        ["Resources", "Archive", "Properties", "VersioningConfiguration"],
        ["Resources", "AlertMail", "Properties"],
        ["Resources", "WebRole", "Properties"],
        ["Resources", "OrdersDepthAlarm", "Properties"],
        ["Parameters", "Prefix"],
    ],
    ids=".".join,
)
def test_a_property_without_a_translation_is_refused(path: list[str]) -> None:
    template = messaging()
    place(template, *path)["Surprise"] = 1
    with pytest.raises(UntranslatedError, match=r"(?i)no translation of Surprise"):
        terraform.module(template)


def test_a_type_without_a_translation_is_refused() -> None:
    template = messaging()
    template["Resources"]["Rule"] = {"Type": "AWS::Events::Rule", "Properties": {}}
    with pytest.raises(UntranslatedError, match="no translation of AWS::Events::Rule"):
        terraform.module(template)


def test_the_policies_keep_the_statement_that_only_a_key_needs() -> None:
    policy = made("aws_iam_policy")["beat_rights"]["policy"]
    assert policy.startswith("${jsonencode({")
    assert '(local.has_key ? {"Sid" = "Key"' in policy
    assert json.dumps("kms:GenerateDataKey") in policy
