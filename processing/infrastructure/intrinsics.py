"""CloudFormation's functions, and the logical names of resources."""

from collections.abc import Mapping
from typing import Any

Template = dict[str, Any]
Resources = dict[str, Any]
Function = dict[str, Any]
NOTHING = {"Ref": "AWS::NoValue"}


def ref(name: str) -> Function:
    return {"Ref": name}


def sub(text: str) -> Function:
    return {"Fn::Sub": text}


def att(name: str, attribute: str = "Arn") -> Function:
    return {"Fn::GetAtt": [name, attribute]}


def when(condition: str, yes: Any, no: Any = NOTHING) -> Function:
    return {"Fn::If": [condition, yes, no]}


def is_set(parameter: str) -> Function:
    return {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]}


def logical(name: str) -> str:
    """orders-dlq -> OrdersDlq"""
    return "".join(part.capitalize() for part in name.split("-"))


def named_pairs(key: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As CloudFormation lists tags (Key), dimensions and environment (Name)."""
    return [{key: name, "Value": value} for name, value in values.items()]


#: Lower case and short, because names of buckets begin with it too. One for each environment.
PREFIX = {
    "Type": "String",
    "Default": "holdfast-",
    "AllowedPattern": "[a-z][a-z0-9-]{0,24}",
    "Description": "SQS_QUEUE_PREFIX, which every name begins with",
}
ENVIRONMENT = {
    "Type": "String",
    "Default": "dev",
    "AllowedValues": ["dev", "staging", "production"],
}
KMS_KEY = {
    "Type": "String",
    "Default": "",
    "AllowedPattern": "(arn:.+:kms:.+:key/.+)?",
    "Description": "SQS_KMS_KEY; empty for encryption by SQS, S3 and SNS themselves",
}
METRICS = {
    "Type": "String",
    "Default": "false",
    "AllowedValues": ["false", "true"],
    "Description": "METRICS_EMF: the workers write metrics of their own to CloudWatch",
}
