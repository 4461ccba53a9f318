"""The messaging template in Terraform's JSON syntax, so that the two cannot differ.

Each property is translated by a table; one without a translation raises, so that nothing
is left out in silence. Only DeletionPolicy has none: Terraform's `prevent_destroy` cannot
depend on a variable.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from processing.infrastructure.terraform_arguments import APART, ARGUMENTS, Names
from processing.infrastructure.terraform_expressions import (
    DATA,
    TYPES,
    Expressions,
    UntranslatedError,
    snake,
)

Arguments = dict[str, Any]
#: Since 6.8 the provider takes queues whose messages have up to 1 MiB.
PROVIDER = {"source": "hashicorp/aws", "version": ">= 6.8"}
WITHOUT_TRANSLATION = {"DeletionPolicy", "UpdateReplacePolicy"}


def module(template: Mapping[str, Any]) -> dict[str, Any]:
    """Raises UntranslatedError."""
    expressions = Expressions(template)
    resources: dict[str, Any] = {}
    for name, resource in template["Resources"].items():
        for kind, arguments in _resources(name, resource, expressions):
            resources.setdefault(kind, {})[snake(name)] = arguments
    return {
        "terraform": {"required_version": ">= 1.6", "required_providers": {"aws": PROVIDER}},
        "variable": {
            snake(name): _variable(snake(name), parameter)
            for name, parameter in template["Parameters"].items()
        },
        "locals": {
            snake(name): f"${{{expressions.expression(condition)}}}"
            for name, condition in template["Conditions"].items()
        },
        "data": DATA,
        "resource": resources,
        "output": {
            snake(name): {"value": expressions.argument(output["Value"])}
            for name, output in template["Outputs"].items()
        },
    }  # fmt: skip


def _variable(name: str, parameter: Mapping[str, Any]) -> Arguments:
    known = {"Type", "Default", "Description", *_RULES}
    _refuse_unknown(name, set(parameter) - known)
    kind = {"String": "string", "Number": "number"}[parameter["Type"]]
    rules = [
        {
            "condition": f"${{{rule(f'var.{name}', parameter[key])}}}",
            "error_message": f"{name}: {key} is {parameter[key]}.",
        }
        for key, rule in _RULES.items()
        if key in parameter
    ]
    return {
        "type": kind,
        "default": parameter["Default"],
        "description": parameter.get("Description", name),
        **({"validation": rules} if rules else {}),
    }


_RULES: dict[str, Callable[[str, Any], str]] = {
    "AllowedValues": lambda name, values: f"contains({_listed(values)}, {name})",
    "AllowedPattern": lambda name, pattern: f'can(regex("^{pattern}$", {name}))',
    "MinValue": lambda name, least: f"{name} >= {least}",
}


def _listed(values: list[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _resources(
    name: str, resource: Mapping[str, Any], expressions: Expressions
) -> Iterator[tuple[str, Arguments]]:
    """The resource, and those that Terraform makes of some of its properties."""
    cloud_type = resource["Type"]
    if cloud_type not in TYPES:
        raise UntranslatedError(
            f"{name}: Terraform has no translation of {cloud_type}."
        )
    _refuse_unknown(
        name, set(resource) - {"Type", "Condition", "Properties"} - WITHOUT_TRANSLATION
    )
    properties = dict(resource["Properties"])
    count = {}
    if "Condition" in resource:
        count = {"count": f"${{local.{snake(resource['Condition'])} ? 1 : 0}}"}
    for key, (kind, owner, names) in APART.get(cloud_type, {}).items():
        given = {key: properties.pop(key)}
        of = {owner: expressions.argument({"Ref": name})}
        yield kind, of | _arguments(name, given, names, expressions)
    names = ARGUMENTS[cloud_type]
    yield TYPES[cloud_type][0], count | _arguments(name, properties, names, expressions)


def _arguments(
    name: str, properties: Mapping[str, Any], names: Names, expressions: Expressions
) -> Arguments:
    _refuse_unknown(name, set(properties) - set(names))
    found: Arguments = {}
    for key, value in properties.items():
        target = names[key]
        argument, how = (
            (target, Expressions.argument) if isinstance(target, str) else target
        )
        if isinstance(how, dict):  # a block, or several
            parts = value if isinstance(value, list) else [value]
            blocks = [_arguments(name, part, how, expressions) for part in parts]
            found |= {argument: blocks} if argument else blocks[0]
        else:
            found[argument] = how(expressions, value)
    return found


def _refuse_unknown(name: str, unknown: set[str]) -> None:
    if unknown:
        raise UntranslatedError(
            f"{name}: Terraform has no translation of {', '.join(sorted(unknown))}."
        )
