"""The topic that alarms go to, and the bucket that keeps a copy of every dead letter."""

from typing import Any

from processing.infrastructure import policies
from processing.infrastructure.intrinsics import (
    Resources,
    att,
    ref,
    sub,
    when,
)

ARCHIVE_NAME = "${Prefix}archive-${AWS::AccountId}-${AWS::Region}"
Tags = list[dict[str, Any]]


def topic(tags: Tags) -> Resources:
    properties = {
        "TopicName": sub("${Prefix}alerts"),
        "KmsMasterKeyId": when("HasKey", ref("KmsKeyArn")),
        "Tags": tags,
    }
    mail = {
        "TopicArn": ref("AlertTopic"),
        "Protocol": "email",
        "Endpoint": ref("AlertEmail"),
    }
    alarms = {
        "Sid": "AlarmsOfThisAccount",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": ref("AlertTopic"),
        "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    }
    tls = policies.only_by_tls("sns", [ref("AlertTopic")])
    policy = {
        "Topics": [ref("AlertTopic")],
        "PolicyDocument": policies.document([alarms, tls]),
    }
    return {
        "AlertTopic": {"Type": "AWS::SNS::Topic", "Properties": properties},
        "AlertMail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasMail",
            "Properties": mail,
        },
        "AlertTopicPolicy": {"Type": "AWS::SNS::TopicPolicy", "Properties": policy},
    }


def bucket(tags: Tags, kept: dict[str, Any]) -> Resources:
    everything = [att("Archive"), sub("${Archive.Arn}/*")]
    policy = {
        "Bucket": ref("Archive"),
        "PolicyDocument": policies.document([policies.only_by_tls("s3", everything)]),
    }
    properties = {
        "BucketName": sub(ARCHIVE_NAME),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [_encryption()]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [_forgetting()]},
        "Tags": tags,
    }
    return {
        "Archive": {"Type": "AWS::S3::Bucket", **kept, "Properties": properties},
        "ArchiveByTls": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
    }


def _encryption() -> dict[str, Any]:
    return {
        "ServerSideEncryptionByDefault": {
            "SSEAlgorithm": when("HasKey", "aws:kms", "AES256"),
            "KMSMasterKeyID": when("HasKey", ref("KmsKeyArn")),
        },
        "BucketKeyEnabled": when("HasKey", True, False),
    }


def _forgetting() -> dict[str, Any]:
    """Letters hold personal data: no version outlives ArchiveDays by more than a week."""
    return {
        "Id": "forget",
        "Status": "Enabled",
        "Prefix": policies.ARCHIVED.removesuffix("*"),
        "ExpirationInDays": ref("ArchiveDays"),
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
