"""CloudFormation's functions as Terraform's expressions."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any


class UntranslatedError(ValueError):
    """The template has a part that Terraform would lose. Add its translation."""


#: What stands for `${AWS::...}`, by data sources of the module.
PSEUDO = {
    "AWS::AccountId": "data.aws_caller_identity.here.account_id",
    "AWS::Partition": "data.aws_partition.here.partition",
    "AWS::Region": "data.aws_region.here.id",  # `name` is deprecated, `region` is new in 6
    "AWS::URLSuffix": "data.aws_partition.here.dns_suffix",
    "AWS::NoValue": "null",
}
DATA: dict[str, Any] = {
    "aws_caller_identity": {"here": {}},
    "aws_partition": {"here": {}},
    "aws_region": {"here": {}},
}
#: CloudFormation's type -> Terraform's, and what a reference to a resource of the type gives.
TYPES = {
    "AWS::SQS::Queue": ("aws_sqs_queue", "url"),
    "AWS::SQS::QueuePolicy": ("aws_sqs_queue_policy", ""),
    "AWS::SNS::Topic": ("aws_sns_topic", "arn"),
    "AWS::SNS::Subscription": ("aws_sns_topic_subscription", ""),
    "AWS::SNS::TopicPolicy": ("aws_sns_topic_policy", ""),
    "AWS::S3::Bucket": ("aws_s3_bucket", "id"),
    "AWS::S3::BucketPolicy": ("aws_s3_bucket_policy", ""),
    "AWS::IAM::ManagedPolicy": ("aws_iam_policy", "arn"),
    "AWS::IAM::Role": ("aws_iam_role", "name"),
    "AWS::CloudWatch::Alarm": ("aws_cloudwatch_metric_alarm", ""),
    "AWS::CloudWatch::Dashboard": ("aws_cloudwatch_dashboard", ""),
}
ATTRIBUTES = {"Arn": "arn", "QueueName": "name"}


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Expressions:
    """Translates values of one template. Every method raises UntranslatedError."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._parameters = template["Parameters"]
        self._types = {
            name: resource["Type"] for name, resource in template["Resources"].items()
        }

    def argument(self, value: Any) -> Any:
        """*value* as the argument of a resource: a literal, or a text with `${...}`."""
        if not _has_function(value):
            return _escaped(value)
        if isinstance(value, dict) and "Fn::Sub" in value:
            return self._interpolated(value["Fn::Sub"])
        return f"${{{self.expression(value)}}}"

    def json_text(self, value: Any) -> str:
        return f"${{jsonencode({self.expression(value)})}}"

    def expression(self, value: Any) -> str:
        if isinstance(value, list):
            return self._list(value)
        if not isinstance(value, dict):
            return json.dumps(_escaped(value))
        if len(value) == 1:
            [(name, given)] = value.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, given)
            if name.startswith("Fn::"):
                raise UntranslatedError(f"Terraform has no translation of {name}.")
        pairs = (f"{json.dumps(k)} = {self.expression(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"

    def _list(self, values: list[Any]) -> str:
        """Without what a condition leaves out."""
        text = f"[{', '.join(self.expression(one) for one in values)}]"
        optional = any(isinstance(one, dict) and "Fn::If" in one for one in values)
        return f"[for one in {text} : one if one != null]" if optional else text

    def _interpolated(self, text: str) -> str:
        return re.sub(
            r"\$\{([^}]+)\}", lambda found: f"${{{self._reference(found[1])}}}", text
        )

    def _reference(self, name: str) -> str:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self._parameters:
            return f"var.{snake(name)}"
        if "." in name:
            return self._attribute(name.split("."))
        return self._of_resource(name, "")

    def _attribute(self, parts: list[str]) -> str:
        name, attribute = parts
        if attribute not in ATTRIBUTES:
            raise UntranslatedError(
                f"Terraform has no translation of {name}.{attribute}."
            )
        return self._of_resource(name, ATTRIBUTES[attribute])

    def _of_resource(self, name: str, attribute: str) -> str:
        kind, usual = TYPES[self._types[name]]
        return f"{kind}.{snake(name)}.{attribute or usual}"

    def _choice(self, parts: list[Any]) -> str:
        condition, yes, no = parts
        chosen = f"{self.expression(yes)} : {self.expression(no)}"
        return f"(local.{snake(condition)} ? {chosen})"

    def _equal(self, parts: list[Any]) -> str:
        one, other = (self.expression(part) for part in parts)
        return f"{one} == {other}"


_FUNCTIONS: dict[str, Callable[[Expressions, Any], str]] = {
    "Ref": Expressions._reference,
    "Fn::GetAtt": Expressions._attribute,
    "Fn::If": Expressions._choice,
    "Fn::Equals": Expressions._equal,
    "Fn::Not": lambda self, parts: f"!({self.expression(parts[0])})",
    "Fn::Sub": lambda self, text: _quoted(self._interpolated(text)),
}


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(value: Any) -> Any:
    """Terraform reads `${` in every text."""
    return value.replace("${", "$${") if isinstance(value, str) else value


def _has_function(value: Any) -> bool:
    if isinstance(value, dict):
        return any(
            name == "Ref" or name.startswith("Fn::") or _has_function(one)
            for name, one in value.items()
        )
    return isinstance(value, list) and any(_has_function(one) for one in value)
