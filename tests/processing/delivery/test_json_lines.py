"""Every line is one JSON object whose fields have the names in the templates."""

import ast
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError

from processing.delivery.json_lines import JSONFormatter, named
from processing.log_config import UnknownLevelError, levels_in
from tests.documents import ROOT
from tests.kept_texts import assert_kept

APPS = ("dlq_review", "intake", "processing", "project")
LOGGING = ("debug", "info", "warning", "error", "exception", "critical", "log")
#: Not about a template of `name=value`: whole lines for CloudWatch.
OTHERS = {"processing/metrics/emf.py"}


def templates() -> Iterator[tuple[str, str, object]]:
    """Where something is logged, how, and the template; None for an expression."""
    files = sorted(file for app in APPS for file in (ROOT / app).rglob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and _logs(node.func):
                first = node.args[node.func.attr == "log"]  # type: ignore[attr-defined]
                found = first.value if isinstance(first, ast.Constant) else None
                level = node.func.attr  # type: ignore[attr-defined]
                yield str(file.relative_to(ROOT)), level, found


def _logs(called: ast.expr) -> bool:
    if not isinstance(called, ast.Attribute) or called.attr not in LOGGING:
        return False
    whose = ast.unparse(called.value)
    return whose == "logger" or whose.startswith("logging.getLogger")


def test_every_value_that_is_logged_has_a_name() -> None:
    nameless = [
        (file, template)
        for file, _, template in templates()
        if file not in OTHERS
        and not (isinstance(template, str) and all(named(template)[0]))
    ]
    assert nameless == []


def test_no_line_goes_or_changes_its_level_unseen() -> None:
    lines = [f"{file}: {level} {template}" for file, level, template in templates()]
    assert_kept("\n".join(lines), Path(__file__).with_name("log_lines.txt"))


def line_of(template: str, *values: object, **more: Any) -> dict[str, Any]:
    record = logging.LogRecord("a.logger", 20, __file__, 1, template, values, **more)
    text = JSONFormatter().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


NO_ERROR: dict[str, Any] = {"exc_info": None}


def test_values_and_fixed_pairs_become_fields() -> None:
    line = line_of("pull=done request_id=%s ms=%s; again", "r-1", 12, **NO_ERROR)
    assert line["message"] == "pull=done request_id=r-1 ms=12; again"
    assert (line["pull"], line["request_id"], line["ms"]) == ("done", "r-1", 12)
    assert (line["level"], line["logger"]) == ("INFO", "a.logger")


def test_a_line_of_others_is_told_whole() -> None:
    assert line_of("Task %s is done", "x", **NO_ERROR)["message"] == "Task x is done"
    assert line_of("100 % \n done", **NO_ERROR)["message"] == "100 % \n done"
    error: Any = ValueError("queue=%s")
    assert line_of(error, **NO_ERROR)["message"] == "queue=%s"
    pairs = line_of("queue=%(queue)s", {"queue": "orders"}, **NO_ERROR)
    assert pairs["message"] == "queue=orders"


def test_no_field_takes_the_place_of_another() -> None:
    line = line_of("level=%s message=%s", "high", "hello", **NO_ERROR)
    assert (line["level"], line["message"]) == ("INFO", "level=high message=hello")


def test_a_link_that_opens_an_account_is_in_no_field() -> None:
    line = line_of("path=%s", "/verify/secret/", **NO_ERROR)
    assert "secret" not in json.dumps(line)


def test_a_traceback_is_a_field_without_the_values_that_a_database_quotes() -> None:
    try:
        raise DataError("value too long: ada@example.com")
    except DataError:
        line = line_of("letter=%s", 1, exc_info=sys.exc_info())
    assert "Traceback" in line["exception"]
    assert "The database refused a value." in line["exception"]
    assert f"{DataError.__name__}: value" not in line["exception"]


def test_levels_of_single_loggers() -> None:
    text = "processing.sqs:debug, intake:WARNING"
    assert levels_in(text) == {"processing.sqs": "DEBUG", "intake": "WARNING"}
    assert levels_in("") == {}
    assert levels_in(" intake :error,, ") == {"intake": "ERROR"}
    for wrong in ("processing", "processing:LOUD", ":DEBUG"):
        with pytest.raises(UnknownLevelError):
            levels_in(wrong)
