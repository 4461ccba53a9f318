"""Each system check runs, is triggered by a test, and says what heals."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.core.checks.registry import registry
from pytest_django import Settings

import dlq_review.checks
import intake.checks
import processing.checks
import processing.tracing.checks
from tests.documents import ROOT, document


def takes_what_django_gives(function: Callable[..., object]) -> bool:
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


@pytest.mark.parametrize(
    "module",
    [dlq_review.checks, intake.checks, processing.checks, processing.tracing.checks],
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


def test_what_only_a_production_needs_is_checked_there_only() -> None:
    """Else a laptop starts nothing, or a deployment is not warned."""
    deployed: set[Any] = registry.deployment_checks
    assert {one.__name__ for one in deployed if is_ours(one)} == {
        *("secret_key", "addresses", "real_sqs", "mail_server", "own_folder"),
        *("cache_is_shared", "clients_are_told_apart", "keys_are_encrypted"),
        "archive_access",
    }


def is_ours(check: Callable[..., object]) -> bool:
    return check.__module__.partition(".")[0] in ("processing", "dlq_review", "intake")


CHECK_FILES = [
    one
    for package in ("processing", "dlq_review", "intake", "project")
    for one in (ROOT / package).rglob("checks.py")
]


def declared_checks() -> Iterator[tuple[str, ast.Call]]:
    for file in CHECK_FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "Error",
                "Warning",
            ):
                given = {one.arg: one.value for one in node.keywords}
                assert isinstance(given["id"], ast.Constant)
                yield str(given["id"].value), node


def test_every_check_has_an_id_of_its_own_and_a_hint() -> None:
    found = [id for id, _ in declared_checks()]
    assert len(found) == len(set(found)) > 40
    for id, call in declared_checks():
        hints = [one.value for one in call.keywords if one.arg == "hint"]
        assert hints, f"{id} says nothing that heals"


def test_every_check_is_triggered_by_a_test() -> None:
    tests = "".join(one.read_text() for one in (ROOT / "tests").rglob("test_*.py"))
    assert [id for id, _ in declared_checks() if f'"{id}"' not in tests] == []


EXPLAINED = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", document("settings.md"), re.M))
LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
#: Wrong settings, the check that names them, and what its hint has to name.
BROKEN = [
    (dlq_review.checks.redrive_settings, {"REDRIVE_UNDO_SECONDS": 61}, "dlq_review.E001", "at most 60"),
    (dlq_review.checks.redrive_settings, {"REDRIVE_TARGETS": ["x"]}, "dlq_review.E002", "orders:signups"),
    (dlq_review.checks.redrive_settings, {"REDRIVE_OVERDUE_SECONDS": 0}, "dlq_review.E013", "1 and 1209600"),
    (dlq_review.checks.archive_settings, {"ARCHIVE_BUCKET": "H"}, "dlq_review.E005", "3 to 63 characters"),
    (dlq_review.checks.retention_settings, {"HISTORY_DAYS": 1}, "dlq_review.E003", "0 to keep all"),
    (
        dlq_review.checks.retention_settings,
        {"HISTORY_DAYS": 400, "RETENTION_DAYS": 500},
        "dlq_review.E004",
        "HISTORY_DAYS to RETENTION_DAYS or more",
    ),
    (
        dlq_review.checks.retention_settings,
        {"HISTORY_DAYS": 10**9},
        "dlq_review.E012",
        "Set it to 0",
    ),
    (
        dlq_review.checks.archive_settings,
        {"ARCHIVE_BUCKET": "holdfast", "ARCHIVE_KEY": "/"},
        "dlq_review.E006",
        "{message_id}",
    ),
    (dlq_review.checks.alert_times, {"ALERT_URGENT": ["none"]}, "dlq_review.E014", "Name some of"),
    (dlq_review.checks.alert_times, {"ALERT_QUIET_HOURS": "x"}, "dlq_review.E015", "22:00"),
    (dlq_review.checks.alert_times, {"ALERT_GROWTH": 0}, "dlq_review.E016", "between 1 and"),
    (processing.tracing.checks.outside_links, {"LOG_URL": "x"}, "holdfast.E029", "https://"),
    (intake.checks.cache_is_shared, {"CACHES": LOCAL}, "intake.W003", "Set CACHE_URL"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "values", "id", "heals"), BROKEN)
def test_a_wrong_setting_is_named_with_what_heals_it(
    settings: Settings, check: object, values: dict[str, object], id: str, heals: str
) -> None:
    for name, value in values.items():
        setattr(settings, name, value)
    (found, *_) = check(app_configs=None)  # type: ignore[operator]
    assert found.id == id
    assert heals in found.hint
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", f"{found.msg} {found.hint}"))
    assert named <= EXPLAINED
    assert {*values} & EXPLAINED <= named | {"ARCHIVE_BUCKET"}


#: The settings that the hint of a check names. The others name no setting, or one that is
#: only known when they run.
HEALS = {
    "dlq_review.E004": "HISTORY_DAYS RETENTION_DAYS",
    "dlq_review.E007": "ARCHIVE_DAYS RETENTION_DAYS",
    "dlq_review.E009": "AWS_ACCOUNT_ID",
    "dlq_review.E010": "ARCHIVE_BUCKET",
    "dlq_review.W008": "ARCHIVE_ENDPOINT_URL",
    "holdfast.E004": "SECRET_KEY",
    "holdfast.E005": "SITE_URL",
    "holdfast.E006": "ALLOWED_HOSTS",
    "holdfast.E008": "AWS_ACCOUNT_ID AWS_REGION",
    "holdfast.E009": "EMAIL_URL",
    "holdfast.E010": "VAR_DIR",
    "holdfast.W011": "VAR_DIR",
    "intake.E001": "CACHE_URL",
    "intake.E002": "CACHE_URL",
    "intake.E004": "TRUSTED_PROXY_COUNT",
    "intake.W003": "CACHE_URL",
    "intake.W005": "BEHIND_TLS",
}


def test_the_hint_of_a_check_names_the_settings_that_heal() -> None:
    named = {}
    for id, call in declared_checks():
        (hint,) = (ast.unparse(one.value) for one in call.keywords if one.arg == "hint")
        found = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", hint)) & EXPLAINED
        if found:
            named[id] = " ".join(sorted(found))
    assert named == HEALS
