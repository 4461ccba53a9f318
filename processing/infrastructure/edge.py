"""The template of the edge: WAF, then CloudFront, then the load balancer. us-east-1 only.

The rate rule answers 429, as the site's own limit does. The common rules only count: an
order whose note looks like SQL must not vanish at the edge, without a receipt.
"""

from typing import Any

from processing.infrastructure.intrinsics import (
    PREFIX,
    Resources,
    Template,
    att,
    ref,
    sub,
)

WINDOW = 300  # seconds
#: Cache and request policies that AWS manages, by their fixed ids.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
READ = ["GET", "HEAD"]
ALL_METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]


def template() -> Template:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Holdfast: WAF and CloudFront; deploy it in us-east-1",
        "Parameters": _parameters(),
        "Resources": _firewall() | _distribution(),
        "Outputs": {"Address": {"Value": att("Distribution", "DomainName")}},
    }


def _parameters() -> dict[str, Any]:
    return {
        "Prefix": PREFIX,
        "DomainName": {"Type": "String", "Description": "The host name of SITE_URL"},
        "CertificateArn": {
            "Type": "String",
            "AllowedPattern": "arn:.+:acm:us-east-1:.+",
            "Description": "Certificate of DomainName, in us-east-1",
        },
        "Origin": {
            "Type": "String",
            "Description": "Host name of the load balancer, whose certificate names DomainName",
        },
        "OriginSecret": {
            "Type": "String",
            "NoEcho": True,
            "MinLength": 20,
            "Description": "The load balancer passes on only requests with it in X-Origin-Secret",
        },
        "RatePerAddress": {
            "Type": "Number",
            "Default": 2000,
            "MinValue": 10,
            "Description": "Requests of one address in five minutes",
        },
    }


def _firewall() -> Resources:
    too_many = {
        "ResponseCode": 429,
        "ResponseHeaders": [{"Name": "Retry-After", "Value": str(WINDOW)}],
    }
    rate = {
        "Limit": ref("RatePerAddress"),
        "EvaluationWindowSec": WINDOW,
        "AggregateKeyType": "IP",
    }
    common = {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}
    properties = {
        "Name": sub("${Prefix}edge"),
        "Scope": "CLOUDFRONT",
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": _counted("edge"),
        "Rules": [
            {
                "Name": "rate-of-one-address",
                "Priority": 0,
                "Statement": {"RateBasedStatement": rate},
                "Action": {"Block": {"CustomResponse": too_many}},
                "VisibilityConfig": _counted("rate-of-one-address"),
            },
            {
                "Name": "common",
                "Priority": 1,
                "Statement": {"ManagedRuleGroupStatement": common},
                "OverrideAction": {"Count": {}},
                "VisibilityConfig": _counted("common"),
            },
        ],
    }
    return {"Firewall": {"Type": "AWS::WAFv2::WebACL", "Properties": properties}}


def _counted(name: str) -> dict[str, Any]:
    """No samples: they show the query and the headers of a person's request."""
    return {
        "CloudWatchMetricsEnabled": True,
        "MetricName": name,
        "SampledRequestsEnabled": False,
    }


def _distribution() -> Resources:
    origin = {
        "Id": "web",
        "DomainName": ref("Origin"),
        "OriginCustomHeaders": [
            {"HeaderName": "X-Origin-Secret", "HeaderValue": ref("OriginSecret")}
        ],
        "CustomOriginConfig": {
            "OriginProtocolPolicy": "https-only",
            "OriginSSLProtocols": ["TLSv1.2"],
            "OriginReadTimeout": 30,
        },
    }
    certificate = {
        "AcmCertificateArn": ref("CertificateArn"),
        "SslSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }
    config = {
        "Enabled": True,
        "Comment": "Holdfast",
        "Aliases": [ref("DomainName")],
        "ViewerCertificate": certificate,
        "HttpVersion": "http2and3",
        "IPV6Enabled": True,
        "WebACLId": att("Firewall"),
        "Origins": [origin],
        "DefaultCacheBehavior": _behaviour(CACHING_DISABLED, ALL_METHODS),
        "CacheBehaviors": [
            {"PathPattern": "/static/*", **_behaviour(CACHING_OPTIMIZED, READ)}
        ],
    }
    properties = {"DistributionConfig": config}
    kind = "AWS::CloudFront::Distribution"
    return {"Distribution": {"Type": kind, "Properties": properties}}


def _behaviour(cache: str, methods: list[str]) -> dict[str, Any]:
    return {
        "TargetOriginId": "web",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": cache,
        "OriginRequestPolicyId": ALL_VIEWER,
        "AllowedMethods": methods,
        "Compress": True,
    }
