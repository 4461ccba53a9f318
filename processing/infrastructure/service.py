"""The template that lives as long as a release: the processes of the Procfile on ECS Fargate.

One image, one task definition for each line of the Procfile; `release` runs once for each
release, by `aws ecs run-task`. The event workers are scaled by what waits for each of them.
"""

from collections.abc import Mapping
from typing import Any

from processing.infrastructure import policies
from processing.infrastructure.archive import ARCHIVE_NAME
from processing.infrastructure.intrinsics import (
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
from processing.infrastructure.scaling import scaling
from processing.sqs.topology import Queue

Commands = Mapping[str, str]
"""Process -> its command, as the Procfile has it."""
SECRETS = ("SECRET_KEY", "DATABASE_URL", "CACHE_URL", "EMAIL_URL")
WEB_PORT = 8000
STOP_SECONDS = 60  # a worker finishes what it began
#: How many tasks of a process run while it is replaced, in percent of the wished number.
ROLLING = {"MinimumHealthyPercent": 100, "MaximumPercent": 200}
NEVER_TWO = {"MinimumHealthyPercent": 0, "MaximumPercent": 100}  # beat: exactly one


def template(
    queues: Mapping[str, Queue], commands: Commands, environment: Mapping[str, str]
) -> Template:
    """*environment*: the settings that the messaging template was rendered with."""
    resources: Resources = {**_cluster(), "ExecutionRole": _execution_role()}
    for process, command in commands.items():
        resources[f"{logical(process)}Task"] = _task(process, command, environment)
        if process in policies.ROLES:
            resources[f"{logical(process)}Service"] = _service(process)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Holdfast: web, worker, jobs and beat on ECS Fargate",
        "Parameters": _parameters(),
        "Conditions": {"HasTargetGroup": is_set("TargetGroupArn")},
        "Resources": resources | scaling(queues),
        "Outputs": {
            "Cluster": {"Value": ref("Cluster")},
            "ReleaseTask": {"Value": ref("ReleaseTask")},
        },
    }


def _parameters() -> dict[str, Any]:
    return {
        "Prefix": PREFIX,
        "KmsKeyArn": KMS_KEY,
        "HoldfastMetrics": METRICS,
        "Image": {
            "Type": "String",
            "Description": "Image of the release, with its tag",
        },
        "CpuArchitecture": {
            "Type": "String",
            "Default": "X86_64",
            "AllowedValues": ["X86_64", "ARM64"],
            "Description": "What the image was built for; ARM64 costs less",
        },
        "Release": {"Type": "String", "Description": "RELEASE, such as a commit"},
        "SiteUrl": {"Type": "String", "AllowedPattern": "https://.+"},
        "AllowedHosts": {"Type": "String"},
        "TrustedProxyCount": {
            "Type": "Number",
            "Default": 1,
            "Description": "1 behind a load balancer, 2 behind CloudFront and one",
        },
        "SecretArn": {
            "Type": "String",
            "AllowedPattern": "arn:.+:secretsmanager:.+",
            "Description": f"Secret in JSON with the keys {', '.join(SECRETS)}",
        },
        "SubnetIds": {"Type": "List<AWS::EC2::Subnet::Id>"},
        "SecurityGroupId": {"Type": "AWS::EC2::SecurityGroup::Id"},
        "TargetGroupArn": {
            "Type": "String",
            "Default": "",
            "Description": "Target group (type ip) of the load balancer; empty for none",
        },
        "OtlpEndpoint": {
            "Type": "String",
            "Default": "",
            "Description": "Collector of spans (OTLP over HTTP); empty for none. Needs an image with requirements-tracing.txt",
        },
        "WebTasks": {"Type": "Number", "Default": 2, "MinValue": 1},
        "MostWorkers": {"Type": "Number", "Default": 20, "MinValue": 1},
        "BacklogPerWorker": {
            "Type": "Number",
            "Default": 1200,
            "MinValue": 1,
            "Description": "Acceptable wait in seconds, times events a second of one worker",
        },
    }


def _cluster() -> Resources:
    """Container Insights counts the running tasks, which the scaling divides by."""
    insights = [{"Name": "containerInsights", "Value": "enabled"}]
    cluster = {"ClusterName": sub("${Prefix}cluster"), "ClusterSettings": insights}
    logs = {"LogGroupName": sub("/${Prefix}cluster"), "RetentionInDays": 30}
    gone = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {
        "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": cluster},
        "Logs": {"Type": "AWS::Logs::LogGroup", **gone, "Properties": logs},
    }


def _execution_role() -> dict[str, Any]:
    """ECS itself takes this role, to pull the image, read the secret and write the log."""
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    read = {
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": ref("SecretArn"),
    }
    secret = {"PolicyName": "secret", "PolicyDocument": policies.document([read])}
    properties = {
        "AssumeRolePolicyDocument": policies.trust(ref("AWS::AccountId")),
        "ManagedPolicyArns": [sub(managed)],
        "Policies": [secret],
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def _task(process: str, command: str, environment: Mapping[str, str]) -> dict[str, Any]:
    role = sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}" + process)
    properties = {
        "Family": sub("${Prefix}" + process),
        "Cpu": "512",
        "Memory": "1024",
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "RuntimePlatform": {
            "CpuArchitecture": ref("CpuArchitecture"),
            "OperatingSystemFamily": "LINUX",
        },
        "ExecutionRoleArn": att("ExecutionRole"),
        # `release` speaks to the database alone.
        **({"TaskRoleArn": role} if process in policies.ROLES else {}),
        "ContainerDefinitions": [_container(process, command, environment)],
    }
    return {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}


def _container(
    process: str, command: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    ports = {"PortMappings": [{"ContainerPort": WEB_PORT}]} if process == "web" else {}
    log = {
        "awslogs-group": ref("Logs"),
        "awslogs-region": ref("AWS::Region"),
        "awslogs-stream-prefix": process,
    }
    secrets = [
        {"Name": name, "ValueFrom": sub(f"${{SecretArn}}:{name}::")} for name in SECRETS
    ]
    return {
        "Name": process,
        "Image": ref("Image"),
        "Essential": True,
        "StopTimeout": STOP_SECONDS,
        "LinuxParameters": {"InitProcessEnabled": True},
        "Command": ["sh", "-c", _for_shell(command)],
        **ports,
        "Environment": named_pairs("Name", _environment(environment)),
        "Secrets": secrets,
        "LogConfiguration": {"LogDriver": "awslogs", "Options": log},
    }


def _for_shell(command: str) -> str:
    """`exec` lets SIGTERM arrive; it would cut `release`, which is two commands, to one."""
    return command if "&&" in command else f"exec {command}"


def _environment(fixed: Mapping[str, str]) -> dict[str, Any]:
    return {
        **fixed,
        "SQS_ENDPOINT_URL": "",
        "SQS_QUEUE_PREFIX": ref("Prefix"),
        "SQS_KMS_KEY": ref("KmsKeyArn"),
        "AWS_ACCOUNT_ID": ref("AWS::AccountId"),
        "AWS_REGION": ref("AWS::Region"),
        "RELEASE": ref("Release"),
        "SITE_URL": ref("SiteUrl"),
        "ALLOWED_HOSTS": ref("AllowedHosts"),
        "BEHIND_TLS": "true",
        "TRUSTED_PROXY_COUNT": ref("TrustedProxyCount"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": ref("OtlpEndpoint"),
        "METRICS_EMF": ref("HoldfastMetrics"),
        "ARCHIVE_BUCKET": sub(ARCHIVE_NAME),
    }


def _service(process: str) -> dict[str, Any]:
    network = {
        "Subnets": ref("SubnetIds"),
        "SecurityGroups": [ref("SecurityGroupId")],
    }
    properties = {
        "ServiceName": sub("${Prefix}" + process),
        "Cluster": ref("Cluster"),
        "TaskDefinition": ref(f"{logical(process)}Task"),
        "LaunchType": "FARGATE",
        "DeploymentConfiguration": {
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
            **(NEVER_TWO if process == "beat" else ROLLING),
        },
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        **_count(process),
    }
    return {"Type": "AWS::ECS::Service", "Properties": properties}


def _count(process: str) -> dict[str, Any]:
    if process == "worker":
        return {}  # the scaling's: an update of the stack would undo it
    if process != "web":
        return {"DesiredCount": 1}
    target = {
        "TargetGroupArn": ref("TargetGroupArn"),
        "ContainerName": process,
        "ContainerPort": WEB_PORT,
    }
    return {
        "DesiredCount": ref("WebTasks"),
        "LoadBalancers": when("HasTargetGroup", [target]),
        "HealthCheckGracePeriodSeconds": when("HasTargetGroup", 60, NOTHING),
    }
