"""How each property of CloudFormation is called in Terraform."""

from collections.abc import Callable, Mapping
from typing import Any

from processing.infrastructure.terraform_expressions import Expressions, snake

Names = Mapping[str, Any]
"""Property -> the argument's name; or the name, and a function that translates the value; or
the name, and the Names inside of a block."""


def _map(key: str) -> Callable[[Expressions, Any], Any]:
    return lambda expressions, pairs: {
        pair[key]: expressions.argument(pair["Value"]) for pair in pairs
    }


def _only(expressions: Expressions, values: list[Any]) -> Any:
    [value] = values
    return expressions.argument(value)


def _each(expressions: Expressions, values: list[Any]) -> list[Any]:
    return [expressions.argument(value) for value in values]


def _within(name: str) -> Callable[[Expressions, Any], Any]:
    return lambda expressions, value: {name: expressions.argument(value)}


def _same(*names: str) -> dict[str, str]:
    return {name: snake(name) for name in names}


_JSON = Expressions.json_text
_TAGS = ("tags", _map("Key"))
#: CloudFormation's type -> its properties.
ARGUMENTS: dict[str, Names] = {
    "AWS::SQS::Queue": {
        "QueueName": "name",
        "VisibilityTimeout": "visibility_timeout_seconds",
        "MessageRetentionPeriod": "message_retention_seconds",
        "ReceiveMessageWaitTimeSeconds": "receive_wait_time_seconds",
        "DelaySeconds": "delay_seconds",
        "MaximumMessageSize": "max_message_size",
        "SqsManagedSseEnabled": "sqs_managed_sse_enabled",
        "RedrivePolicy": ("redrive_policy", _JSON),
        "RedriveAllowPolicy": ("redrive_allow_policy", _JSON),
        "Tags": _TAGS,
        **_same("KmsMasterKeyId", "FifoQueue", "ContentBasedDeduplication"),
        **_same("DeduplicationScope", "FifoThroughputLimit"),
    },
    "AWS::SQS::QueuePolicy": {
        "Queues": ("queue_url", _only),
        "PolicyDocument": ("policy", _JSON),
    },
    "AWS::SNS::Topic": {"TopicName": "name", "Tags": _TAGS, **_same("KmsMasterKeyId")},
    "AWS::SNS::Subscription": _same("TopicArn", "Protocol", "Endpoint"),
    "AWS::SNS::TopicPolicy": {
        "Topics": ("arn", _only),
        "PolicyDocument": ("policy", _JSON),
    },
    "AWS::S3::Bucket": {"BucketName": "bucket", "Tags": _TAGS},
    "AWS::S3::BucketPolicy": {"Bucket": "bucket", "PolicyDocument": ("policy", _JSON)},
    "AWS::IAM::ManagedPolicy": {
        "ManagedPolicyName": "name",
        "PolicyDocument": ("policy", _JSON),
    },
    "AWS::IAM::Role": {
        "RoleName": "name",
        "AssumeRolePolicyDocument": ("assume_role_policy", _JSON),
        "Tags": _TAGS,
    },
    "AWS::CloudWatch::Alarm": {
        **_same("AlarmName", "AlarmDescription", "ComparisonOperator", "Threshold"),
        **_same("EvaluationPeriods", "TreatMissingData", "Namespace", "MetricName"),
        **_same("Statistic", "Period"),
        "Dimensions": ("dimensions", _map("Name")),
        "AlarmActions": ("alarm_actions", _each),
        "OKActions": ("ok_actions", _each),
    },
    "AWS::CloudWatch::Dashboard": _same("DashboardName", "DashboardBody"),
}
_ENCRYPTION: Names = {
    "ServerSideEncryptionByDefault": (
        "apply_server_side_encryption_by_default",
        {"SSEAlgorithm": "sse_algorithm", "KMSMasterKeyID": "kms_master_key_id"},
    ),
    **_same("BucketKeyEnabled"),
}
_LIFECYCLE: Names = {
    **_same("Id", "Status"),
    "Prefix": ("filter", _within("prefix")),
    "ExpirationInDays": ("expiration", _within("days")),
    "NoncurrentVersionExpiration": (
        "noncurrent_version_expiration",
        _same("NoncurrentDays"),
    ),
    "AbortIncompleteMultipartUpload": (
        "abort_incomplete_multipart_upload",
        _same("DaysAfterInitiation"),
    ),
}
_ACCESS = _same(
    "BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"
)
#: Type -> property that is a resource of its own -> its type, the argument that names the
#: owner, and its properties. A name "" merges a property's parts into the resource.
APART: dict[str, dict[str, tuple[str, str, Names]]] = {
    "AWS::IAM::Role": {
        "ManagedPolicyArns": (
            "aws_iam_role_policy_attachment",
            "role",
            {"ManagedPolicyArns": ("policy_arn", _only)},
        ),
    },
    "AWS::S3::Bucket": {
        key: (f"aws_s3_bucket_{kind}", "bucket", {key: ("", names)})
        for key, kind, names in (
            (
                "BucketEncryption",
                "server_side_encryption_configuration",
                {"ServerSideEncryptionConfiguration": ("rule", _ENCRYPTION)},
            ),
            ("PublicAccessBlockConfiguration", "public_access_block", _ACCESS),
            (
                "OwnershipControls",
                "ownership_controls",
                {"Rules": ("rule", _same("ObjectOwnership"))},
            ),
            (
                "VersioningConfiguration",
                "versioning",
                {"Status": ("versioning_configuration", _within("status"))},
            ),
            (
                "LifecycleConfiguration",
                "lifecycle_configuration",
                {"Rules": ("rule", _LIFECYCLE)},
            ),
        )
    },
}
