"""The template that lives as long as the data: queues, DLQs, roles, alarms, archive.

In production its queues and its archive stay when the stack is deleted.
"""

from collections.abc import Mapping
from typing import Any

from processing.infrastructure import archive, cloudwatch, policies
from processing.infrastructure.intrinsics import (
    ENVIRONMENT,
    KMS_KEY,
    METRICS,
    NOTHING,
    PREFIX,
    Resources,
    Template,
    att,
    is_set,
    logical,
    named_pairs,
    ref,
    sub,
    when,
)
from processing.sqs import attributes
from processing.sqs.attributes import Limits
from processing.sqs.topology import Queue

Queues = Mapping[str, Queue]
TAGS = named_pairs("Key", {**attributes.TAGS, "environment": ref("Environment")})
_KEEP = when("IsProduction", "Retain", "Delete")
KEPT = {"DeletionPolicy": _KEEP, "UpdateReplacePolicy": _KEEP}
_ARN = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Prefix}"
PLACES = policies.Places(
    queue=lambda name: att(logical(name)),
    service=lambda name: sub(name + ".${AWS::Region}.${AWS::URLSuffix}"),
    archive=lambda keys: sub("${Archive.Arn}/" + keys),
    topic=ref("AlertTopic"),
    key=ref("KmsKeyArn"),
)


def template(queues: Queues, limits: Limits) -> Template:
    resources: Resources = {}
    for queue in queues.values():
        resources |= _pair(queue, limits)
    resources |= archive.topic(TAGS) | archive.bucket(TAGS, KEPT) | _roles(queues)
    resources |= cloudwatch.alarms(queues) | cloudwatch.dashboard(queues)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::LanguageExtensions",  # lets DeletionPolicy depend on Environment
        "Description": "Holdfast: queues, DLQs, roles, alarms, alert topic, archive",
        "Parameters": _parameters(),
        "Conditions": {
            "IsProduction": {"Fn::Equals": [ref("Environment"), "production"]},
            "HasKey": is_set("KmsKeyArn"),
            "HasMail": is_set("AlertEmail"),
            "HasMetrics": {"Fn::Equals": [ref("HoldfastMetrics"), "true"]},
        },
        "Resources": resources,
        "Outputs": {
            "AlertTopicArn": {"Value": ref("AlertTopic")},
            "ArchiveBucket": {"Value": ref("Archive")},
            **{
                f"{logical(role)}PolicyArn": {"Value": ref(f"{logical(role)}Rights")}
                for role in policies.ROLES
            },
        },
    }


def _parameters() -> dict[str, Any]:
    return {
        "Prefix": PREFIX,
        "Environment": ENVIRONMENT,
        "KmsKeyArn": KMS_KEY,
        "AlertEmail": {
            "Type": "String",
            "Default": "",
            "Description": "Is mailed when an alarm sounds and when it ends; empty for nobody",
        },
        "ArchiveDays": {
            "Type": "Number",
            "Default": 90,
            "MinValue": 1,
            "Description": "Archived letters are deleted after so many days: RETENTION_DAYS or less",
        },
        "OpenDeadLetters": {
            "Type": "Number",
            "Default": 0,
            "MinValue": 0,
            "Description": "Dead letters that may wait at the desk without an alarm",
        },
        "HoldfastMetrics": METRICS,
    }


def _pair(queue: Queue, limits: Limits) -> Resources:
    """The DLQ names its source by text: a reference would close a circle."""
    source_arn = sub(f"{_ARN}{queue.name}{queue.suffix}")
    dlq_arn = att(logical(queue.dlq))
    return {
        **_queue(queue.dlq, queue, attributes.of_dlq(queue, source_arn)),
        **_queue(queue.name, queue, attributes.of_source(queue, limits, dlq_arn)),
    }


def _queue(name: str, queue: Queue, values: attributes.Attributes) -> Resources:
    """A queue, and the policy that refuses all who come without TLS."""
    properties = {
        "QueueName": sub("${Prefix}" + name + queue.suffix),
        **values,
        "SqsManagedSseEnabled": when("HasKey", NOTHING, True),
        "KmsMasterKeyId": when("HasKey", ref("KmsKeyArn")),
        "Tags": TAGS,
    }
    tls = policies.only_by_tls("sqs", [att(logical(name))])
    policy = {
        "Queues": [ref(logical(name))],
        "PolicyDocument": policies.document([tls]),
    }
    return {
        logical(name): {"Type": "AWS::SQS::Queue", **KEPT, "Properties": properties},
        f"{logical(name)}ByTls": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": policy,
        },
    }


def _roles(queues: Queues) -> Resources:
    found: Resources = {}
    for role in policies.ROLES:
        statements = policies.statements(role, PLACES, queues)
        key = when("HasKey", policies.key_statement(role, PLACES))
        rights = {
            "ManagedPolicyName": sub("${Prefix}" + role),
            "PolicyDocument": policies.document([*statements, key]),
        }
        task = {
            "RoleName": sub("${Prefix}" + role),
            "ManagedPolicyArns": [ref(f"{logical(role)}Rights")],
            "AssumeRolePolicyDocument": policies.trust(ref("AWS::AccountId")),
            "Tags": TAGS,
        }
        found |= {
            # Not `JobsPolicy`: a queue and a role are called `jobs`.
            f"{logical(role)}Rights": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": rights,
            },
            f"{logical(role)}Role": {"Type": "AWS::IAM::Role", "Properties": task},
        }
    return found
