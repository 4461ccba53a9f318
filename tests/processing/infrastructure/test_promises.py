"""What the templates promise to whoever runs Holdfast, property by property.

A wrong value here is rendered into infra/ with the next change, and looks there like any other:
this is the second place that somebody has to change, and knows why.
"""

from functools import cache
from typing import Any

import pytest

from tests.processing.infrastructure.rendering import Template, templates

NOTHING = {"Ref": "AWS::NoValue"}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def set_(parameter: str) -> dict[str, Any]:
    return {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]}


TLS = {
    "Sid": "OnlyByTLS",
    "Effect": "Deny",
    "Principal": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
#: Whose templates they are; the way to the property, below Resources and its Properties unless it
#: begins with another section; and what it is.
PROMISES: list[tuple[str, str, Any]] = [
    # Letters hold personal data: nobody outside reads them, and they are forgotten in time.
    ("messaging", "Archive PublicAccessBlockConfiguration", {
        "BlockPublicAcls": True, "BlockPublicPolicy": True,
        "IgnorePublicAcls": True, "RestrictPublicBuckets": True,
    }),
    ("messaging", "Archive OwnershipControls Rules 0 ObjectOwnership", "BucketOwnerEnforced"),
    ("messaging", "Archive VersioningConfiguration Status", "Enabled"),
    ("messaging", "Archive LifecycleConfiguration Rules", [{
        "Id": "forget", "Status": "Enabled", "Prefix": "failed/",
        "ExpirationInDays": ref("ArchiveDays"),
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }]),
    ("messaging", "Archive BucketEncryption ServerSideEncryptionConfiguration 0 BucketKeyEnabled",
        {"Fn::If": ["HasKey", True, False]}),
    ("messaging", "ArchiveByTls PolicyDocument Statement", [{
        **TLS, "Action": "s3:*",
        "Resource": [{"Fn::GetAtt": ["Archive", "Arn"]}, {"Fn::Sub": "${Archive.Arn}/*"}],
    }]),
    # Only alarms of this account, and the role of the jobs, reach who reads the alerts.
    ("messaging", "AlertTopicPolicy PolicyDocument Statement", [
        {
            "Sid": "AlarmsOfThisAccount", "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish", "Resource": ref("AlertTopic"),
            "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
        },
        {**TLS, "Action": "sns:Publish", "Resource": [ref("AlertTopic")]},
    ]),
    ("messaging", "AlertMail",
        {"TopicArn": ref("AlertTopic"), "Protocol": "email", "Endpoint": ref("AlertEmail")}),
    ("messaging", "/Resources AlertMail Condition", "HasMail"),
    ("messaging", "/Conditions", {
        "IsProduction": {"Fn::Equals": [ref("Environment"), "production"]},
        "HasKey": set_("KmsKeyArn"), "HasMail": set_("AlertEmail"),
        "HasMetrics": {"Fn::Equals": [ref("HoldfastMetrics"), "true"]},
    }),
    # What a parameter is if nobody gives it, and what it may not be.
    ("messaging", "/Parameters Environment AllowedValues", ["dev", "staging", "production"]),
    ("messaging", "/Parameters Environment Default", "dev"),
    ("messaging", "/Parameters Prefix AllowedPattern", "[a-z][a-z0-9-]{0,24}"),
    ("messaging", "/Parameters KmsKeyArn AllowedPattern", "(arn:.+:kms:.+:key/.+)?"),
    ("messaging", "/Parameters HoldfastMetrics Default", "false"),
    ("messaging", "/Parameters ArchiveDays Default", 90),
    ("messaging", "/Parameters ArchiveDays MinValue", 1),
    ("messaging", "/Parameters OpenDeadLetters Default", 0),
    ("messaging", "/Parameters OpenDeadLetters MinValue", 0),
    ("service", "/Parameters CpuArchitecture AllowedValues", ["X86_64", "ARM64"]),
    ("service", "/Parameters CpuArchitecture Default", "X86_64"),
    ("service", "/Parameters SiteUrl AllowedPattern", "https://.+"),
    ("service", "/Parameters SecretArn AllowedPattern", "arn:.+:secretsmanager:.+"),
    ("service", "/Parameters TrustedProxyCount Default", 1),
    ("service", "/Parameters TargetGroupArn Default", ""),
    ("service", "/Parameters OtlpEndpoint Default", ""),
    ("service", "/Parameters WebTasks", {"Type": "Number", "Default": 2, "MinValue": 1}),
    ("service", "/Parameters MostWorkers", {"Type": "Number", "Default": 20, "MinValue": 1}),
    ("service", "/Parameters BacklogPerWorker Default", 1200),
    ("service", "/Conditions", {"HasTargetGroup": set_("TargetGroupArn")}),
    ("edge", "/Parameters OriginSecret NoEcho", True),
    ("edge", "/Parameters OriginSecret MinLength", 20),
    ("edge", "/Parameters RatePerAddress MinValue", 10),
    ("edge", "/Parameters CertificateArn AllowedPattern", "arn:.+:acm:us-east-1:.+"),
    # ECS reads one secret, and nothing else.
    ("service", "ExecutionRole Policies 0 PolicyDocument Statement", [{
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
        "Resource": ref("SecretArn"),
    }]),
    ("service", "ExecutionRole ManagedPolicyArns", [{
        "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/"
        "AmazonECSTaskExecutionRolePolicy",
    }]),
    ("service", "WebTask ContainerDefinitions 0 Secrets", [
        {"Name": name, "ValueFrom": {"Fn::Sub": f"${{SecretArn}}:{name}::"}}
        for name in ("SECRET_KEY", "DATABASE_URL", "CACHE_URL", "EMAIL_URL")
    ]),
    ("service", "WebTask ContainerDefinitions 0 PortMappings", [{"ContainerPort": 8000}]),
    # The log and the measure of the scaling; a log with no end would keep all request ids.
    ("service", "Cluster ClusterSettings",
        [{"Name": "containerInsights", "Value": "enabled"}]),
    ("service", "Logs RetentionInDays", 30),
    ("service", "/Resources Logs DeletionPolicy", "Delete"),
    # A release that does not start is taken back by itself.
    *(("service", f"{name}Service DeploymentConfiguration DeploymentCircuitBreaker",
        {"Enable": True, "Rollback": True}) for name in ("Web", "Worker", "Jobs", "Beat")),
    ("service", "WebService DesiredCount", ref("WebTasks")),
    ("service", "BeatService DesiredCount", 1),
    ("service", "JobsService DesiredCount", 1),
    ("service", "WebService LoadBalancers", {"Fn::If": ["HasTargetGroup", [{
        "TargetGroupArn": ref("TargetGroupArn"), "ContainerName": "web", "ContainerPort": 8000,
    }], NOTHING]}),
    ("service", "WebService HealthCheckGracePeriodSeconds",
        {"Fn::If": ["HasTargetGroup", 60, NOTHING]}),
    ("service", "Workers MinCapacity", 1),
    ("service", "Workers MaxCapacity", ref("MostWorkers")),
    ("service", "Backlog TargetTrackingScalingPolicyConfiguration TargetValue",
        ref("BacklogPerWorker")),
    ("service", "Backlog TargetTrackingScalingPolicyConfiguration ScaleOutCooldown", 60),
    ("service", "Backlog TargetTrackingScalingPolicyConfiguration ScaleInCooldown", 300),
    # The edge: encrypted on both sides, by nobody else's hand, and without a copy of requests.
    ("edge", "Firewall Scope", "CLOUDFRONT"),
    ("edge", "Firewall DefaultAction", {"Allow": {}}),
    *(("edge", f"Firewall {place} SampledRequestsEnabled", False)
        for place in ("VisibilityConfig", "Rules 0 VisibilityConfig", "Rules 1 VisibilityConfig")),
    ("edge", "Distribution DistributionConfig WebACLId", {"Fn::GetAtt": ["Firewall", "Arn"]}),
    ("edge", "Distribution DistributionConfig Aliases", [ref("DomainName")]),
    ("edge", "Distribution DistributionConfig ViewerCertificate MinimumProtocolVersion",
        "TLSv1.2_2021"),
    ("edge", "Distribution DistributionConfig Origins", [{
        "Id": "web", "DomainName": ref("Origin"),
        "OriginCustomHeaders":
            [{"HeaderName": "X-Origin-Secret", "HeaderValue": ref("OriginSecret")}],
        "CustomOriginConfig": {
            "OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"],
            "OriginReadTimeout": 30,
        },
    }]),
    # By the ids that AWS gives them: CachingDisabled, CachingOptimized, AllViewer.
    *(("edge", f"Distribution DistributionConfig {place}", {
        "TargetOriginId": "web", "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": cached, "AllowedMethods": methods, "Compress": True,
        "OriginRequestPolicyId": "216adef6-5c7f-47e4-b989-5492eafa07d3", **more,
    }) for place, cached, methods, more in (
        ("DefaultCacheBehavior", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"], {}),
        ("CacheBehaviors 0", "658327ea-f89d-4fab-a63d-7e88639e58f6",
            ["GET", "HEAD"], {"PathPattern": "/static/*"}),
    )),
]  # fmt: skip

rendered = cache(templates)


def at(template: Template, way: str) -> Any:
    names = way.removeprefix("/").split()
    if not way.startswith("/"):
        names[1:1] = ["Properties"]
        names[:0] = ["Resources"]
    found: Any = template
    for name in names:
        found = found[int(name) if isinstance(found, list) else name]
    return found


@pytest.mark.parametrize(("name", "way", "value"), PROMISES)
def test_a_template_keeps_its_promise(name: str, way: str, value: Any) -> None:
    assert at(rendered()[name], way) == value


@pytest.mark.parametrize("process", ["Web", "Worker", "Jobs", "Beat", "Release"])
def test_a_task_is_told_what_the_parameters_say(process: str) -> None:
    [container] = at(rendered()["service"], f"{process}Task ContainerDefinitions")
    told = {one["Name"]: one["Value"] for one in container["Environment"]}
    assert told == {
        "FIFO_QUEUES": "",
        "SQS_MAX_RECEIVE_COUNT": "3",
        "SQS_WAIT_SECONDS": "20",
        "SQS_ENDPOINT_URL": "",  # AWS's own
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
        "ARCHIVE_BUCKET": {
            "Fn::Sub": "${Prefix}archive-${AWS::AccountId}-${AWS::Region}"
        },
    }
    assert container["LinuxParameters"] == {"InitProcessEnabled": True}
    assert container["LogConfiguration"]["Options"] == {
        "awslogs-group": ref("Logs"),
        "awslogs-region": ref("AWS::Region"),
        "awslogs-stream-prefix": process.lower(),
    }


def test_only_the_web_listens_and_only_the_release_has_no_role() -> None:
    tasks = {
        name: one["Properties"]
        for name, one in rendered()["service"]["Resources"].items()
        if one["Type"] == "AWS::ECS::TaskDefinition"
    }
    listening = {
        name
        for name, one in tasks.items()
        if "PortMappings" in one["ContainerDefinitions"][0]
    }
    assert listening == {"WebTask"}
    assert {name for name, one in tasks.items() if "TaskRoleArn" not in one} == {
        "ReleaseTask"
    }


def test_an_update_of_the_stack_leaves_the_number_of_workers_to_the_scaling() -> None:
    service = at(rendered()["service"], "WorkerService")
    assert "DesiredCount" not in service
    metrics = at(rendered()["service"], "Backlog")[
        "TargetTrackingScalingPolicyConfiguration"
    ]["CustomizedMetricSpecification"]["Metrics"]
    *counted, tasks, _ = [one.get("MetricStat", {}).get("Stat") for one in metrics]
    assert (set(counted), tasks) == ({"Sum"}, "Average")
