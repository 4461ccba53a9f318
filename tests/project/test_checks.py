"""A system check that nobody registers would never run."""

import inspect
from collections.abc import Callable
from types import ModuleType

import pytest
from django.core.checks.registry import registry

import dlq_review.checks
import intake.checks
import processing.checks


def takes_what_django_gives(function: Callable[..., object]) -> bool:
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


@pytest.mark.parametrize(
    "module",
    [dlq_review.checks, intake.checks, processing.checks],
    ids=lambda module: module.__name__,
)
def test_every_check_is_registered(module: ModuleType) -> None:
    own = [
        function
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and takes_what_django_gives(function)
    ]
    registered: set[object] = {*registry.registered_checks, *registry.deployment_checks}
    assert own
    assert [one.__name__ for one in own if one not in registered] == []
