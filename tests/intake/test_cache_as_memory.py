"""How long the cache remembers, and when it is asked again after it was slow or away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from intake import shared_cache
from intake.shared_cache import PAUSE, SLOWEST
from tests.intake.broken_cache import BrokenCache

BROKEN = f"{BrokenCache.__module__}.{BrokenCache.__name__}"
LOCAL = "django.core.cache.backends.locmem.LocMemCache"


@pytest.mark.parametrize("backend", [LOCAL, BROKEN])
def test_each_value_is_kept_as_long_as_was_asked(
    settings: Settings, backend: str
) -> None:
    """An hour is longer than Django keeps what nobody says a time for."""
    settings.CACHES = {"default": {"BACKEND": backend}}
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        shared_cache.remember("a", "kept", 3600)
        assert shared_cache.claim("b", "mine", 3600)
        assert shared_cache.count("c", 3600, 5) == 5
        clock.shift(timedelta(seconds=3599))
        assert shared_cache.recall("a") == "kept"
        assert not shared_cache.claim("b", "another's", 3600)
        assert shared_cache.count("c", 3600) == 6
        clock.shift(timedelta(seconds=2))
        assert shared_cache.recall("a") is None
        assert shared_cache.claim("b", "another's", 3600)
        assert shared_cache.count("c", 3600) == 1


class Remote:
    """A cache that takes *seconds* for each answer."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 1000.0
        self.asked = 0

    def get(self, _: str) -> Any:
        self.asked += 1
        self.now += self.seconds
        return "theirs"


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_cache_that_is_slow_is_believed_and_then_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    is_slow: bool,
) -> None:
    remote = Remote(SLOWEST + 0.01 if is_slow else SLOWEST - 0.01)
    monkeypatch.setattr(shared_cache, "cache", remote)
    monkeypatch.setattr(shared_cache, "monotonic", lambda: remote.now)
    assert shared_cache.recall("key") == "theirs"
    remote.now += PAUSE - 1
    assert shared_cache.recall("key") == (None if is_slow else "theirs")
    remote.now += 1
    assert shared_cache.recall("key") == "theirs"
    assert remote.asked == (2 if is_slow else 3)
    line = "cache=failed reason=slow counting=per-process"
    assert caplog.messages.count(line) == (2 if is_slow else 0)


def test_after_a_pause_one_asks_and_the_others_do_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote = Remote(0)
    meanwhile: list[Any] = []

    def away(_: str) -> None:
        raise ConnectionError

    def answer(_: str) -> str:
        meanwhile.append(shared_cache.recall("another"))
        return "theirs"

    monkeypatch.setattr(shared_cache, "cache", remote)
    monkeypatch.setattr(shared_cache, "monotonic", lambda: remote.now)
    monkeypatch.setattr(remote, "get", away)
    assert shared_cache.recall("key") is None
    remote.now += PAUSE
    monkeypatch.setattr(remote, "get", answer)
    assert shared_cache.recall("key") == "theirs"
    assert meanwhile == [None]
    monkeypatch.setattr(remote, "get", lambda _: "all may ask")
    assert shared_cache.recall("key") == "all may ask"


def test_after_its_pause_a_cache_is_tried_by_one_caller_for_all() -> None:
    cache = shared_cache._Shared()
    cache.away_until = 0.001  # long ago
    answers = [cache.ask(lambda: cache.ask(lambda: "another"))]
    cache.away_until = 0.001
    answers += [cache.ask(lambda: "one"), cache.ask(lambda: "the next")]
    assert answers == [None, "one", "the next"]
