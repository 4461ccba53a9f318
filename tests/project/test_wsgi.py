"""What a web process does before its first request."""

import runpy
import sys
from typing import Any

import pytest
from pytest_django import Settings

from intake import shared_cache
from intake.keys import known_keys
from processing.database import patience
from processing.sqs import queues
from processing.tracing import spans
from project import metrics, static_files
from project.api_handler import ApiHandler

AT_THE_START: tuple[tuple[Any, str], ...] = (
    (queues, "warm_up"),
    (spans, "start"),
    (patience.of_this_process, "limit"),
    (static_files, "report"),
    (metrics, "serve_at_port"),
    (known_keys, "of_this_process"),
    (shared_cache, "prove"),
)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were taken, in their order."""
    taken: list[str] = []
    monkeypatch.delitem(sys.modules, "project.wsgi", raising=False)
    monkeypatch.setattr("django.core.wsgi.get_wsgi_application", lambda: None)
    for whose, name in AT_THE_START:
        monkeypatch.setattr(whose, name, lambda name=name: taken.append(name))
    return taken


@pytest.mark.parametrize("keys", ["off", "optional", "required"])
def test_all_is_ready_before_the_first_request(
    done: list[str], settings: Settings, keys: str
) -> None:
    settings.API_KEYS = keys
    application = runpy.run_module("project.wsgi")["application"]
    assert isinstance(application, ApiHandler)
    steps = [name for _, name in AT_THE_START]
    assert done == [one for one in steps if keys != "off" or one != "of_this_process"]


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (shared_cache.SilentCacheError("no answer"), False),
        (shared_cache.UnusableCacheError(ImportError("no such module")), True),
    ],
)
def test_a_cache_that_may_come_back_ends_no_process(
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    *,
    ends: bool,
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(shared_cache, "prove", fail)
    if ends:
        with pytest.raises(shared_cache.UnusableCacheError):
            runpy.run_module("project.wsgi")
    else:
        runpy.run_module("project.wsgi")
        assert "cache=away reason=The cache does not answer (no answer)" in caplog.text
