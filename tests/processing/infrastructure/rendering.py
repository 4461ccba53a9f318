"""The templates of the declared queues, for tests to read and change."""

import json
from typing import Any

from processing.infrastructure import cloudformation
from processing.management.commands.render_infra import rendered

Template = dict[str, Any]


def templates() -> dict[str, Template]:
    """By the names of their files without an ending, as `render_infra` writes them now."""
    return {
        name.removesuffix(".json"): json.loads(text)
        for name, text in rendered("cloudformation")
    }


def messaging() -> Template:
    return templates()["messaging"]


def of_type(template: Template, kind: str) -> dict[str, Template]:
    """Name -> properties of the resources of one type."""
    return {
        name: one["Properties"]
        for name, one in template["Resources"].items()
        if one["Type"] == kind
    }


def alarms() -> dict[str, dict[str, Any]]:
    """Properties of each alarm by its name, without the prefix."""
    found = of_type(messaging(), "AWS::CloudWatch::Alarm").values()
    return {one["AlarmName"]["Fn::Sub"].removeprefix("${Prefix}"): one for one in found}


def text(template: Template) -> str:
    return cloudformation.as_text(template)
