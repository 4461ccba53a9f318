"""A shared cache: counted exactly while it answers, per process while it does not."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from environ import Env
from pytest_django import Settings

from intake import shared_cache
from intake.checks import cache_can_be_used, cache_is_shared
from project.settings.limits import bounded
from tests.builders import order_data
from tests.intake.clients import KEY, post
from tests.live import answers, free_port, wait_for

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed"
)


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", *options], cwd=self.folder, stdout=log
            )
        wait_for(lambda: answers(self.port))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def redis_server(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisServer]:
    """One that is never called slow, however busy the machine of the tests is."""
    monkeypatch.setattr(shared_cache, "SLOWEST", 5)
    server = RedisServer(tmp_path)
    server.start()
    options = "key_prefix=mine&socket_timeout=5&socket_connect_timeout=5"
    use_cache(settings, f"rediscache://127.0.0.1:{server.port}/3?{options}")
    yield server
    cache.close()
    server.stop()


@pytest.fixture
def hanging(settings: Settings) -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=100)) as server:
        use_cache(settings, f"rediscache://127.0.0.1:{server.getsockname()[1]}/0")
        yield server


def use_cache(settings: Settings, url: str) -> None:
    settings.CACHES = {"default": bounded(Env.cache_url_config(url))}


def order(client: Client) -> int:
    answer = post(client, "/api/orders", order_data(), **{"Idempotency-Key": KEY})
    return int(answer.status_code)


@needs_redis
def test_processes_count_and_remember_together(redis_server: RedisServer) -> None:
    assert shared_cache.count("rate", 60, 3) == 3
    shared_cache.remember("key", ("a", 1), 60)
    shared_cache.forget()  # as another process would see it
    assert shared_cache.count("rate", 60) == 4
    assert shared_cache.recall("key") == ("a", 1)
    assert cache.key_prefix == "mine"


def away(settings: Settings) -> None:
    use_cache(settings, f"rediscache://127.0.0.1:{free_port()}/0")


def in_this_process(settings: Settings) -> None:
    use_cache(settings, "locmemcache://")


@pytest.mark.parametrize("cache_is", [in_this_process, away])
def test_what_was_dropped_can_be_claimed_again(
    settings: Settings, cache_is: Callable[[Settings], None]
) -> None:
    cache_is(settings)
    assert shared_cache.claim("key", 1, 60)
    assert not shared_cache.claim("key", 2, 60)
    shared_cache.drop("key")
    assert shared_cache.recall("key") is None
    assert shared_cache.claim("key", 3, 60)
    assert shared_cache.recall("key") == 3


@needs_redis
def test_while_it_is_away_each_process_counts_for_itself_and_then_together_again(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared_cache.count("rate", 60, 5) == 5
    redis_server.stop()
    assert [shared_cache.count("rate", 60) for _ in range(3)] == [1, 2, 3]
    shared_cache.remember("key", "kept", 60)
    assert shared_cache.recall("key") == "kept"
    redis_server.start()
    assert shared_cache.count("rate", 60) == 4, "it is left alone for a while"
    later = time.monotonic() + 2 * shared_cache.PAUSE
    monkeypatch.setattr(shared_cache, "monotonic", lambda: later)
    assert shared_cache.recall("key") == "kept"
    assert shared_cache.count("rate", 60) == 1, "it came back empty"


def connections_to(server: socket.socket) -> int:
    server.setblocking(False)
    found = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return found
        found += 1


@pytest.mark.usefixtures("standing_clock")
def test_a_cache_that_hangs_is_waited_for_once_and_limits_stay(
    hanging: socket.socket, sqs: None, settings: Settings
) -> None:
    settings.RATE_LIMIT_REQUESTS = 20
    client = Client()
    begun = time.monotonic()
    assert shared_cache.count("other", 60) == 1
    assert time.monotonic() - begun < 2, "redis-py alone would try for seconds"
    codes = [order(client) for _ in range(22)]
    assert codes.count(429) == 2
    assert connections_to(hanging) == 1


@pytest.mark.usefixtures("standing_clock")
def test_a_refused_connection_leaves_limits_on(
    sqs: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    use_cache(settings, f"rediscache://127.0.0.1:{free_port()}/0")
    settings.RATE_LIMIT_REQUESTS = 2
    client = Client()
    assert [order(client) for _ in range(3)][-1] == 429
    line = "cache=failed reason=ConnectionError counting=per-process"
    assert caplog.messages.count(line) == 1, "and not for every request"


def test_a_used_key_is_known_while_the_cache_is_away(
    sqs: None, settings: Settings
) -> None:
    use_cache(settings, f"rediscache://127.0.0.1:{free_port()}/0")
    client = Client()
    assert [order(client), order(client)] == [202, 422]


def test_a_missing_client_is_named_at_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(settings, "rediscache://127.0.0.1:6379/0")
    monkeypatch.setitem(sys.modules, "redis", None)
    found = cache_can_be_used()
    assert [one.id for one in found] == ["intake.E002"]
    assert "redis" in found[0].msg


@pytest.mark.parametrize(
    "url",
    [
        "rediscache://127.0.0.1:1/0?no_such_option=1",
        "rediscache://127.0.0.1:1/0?max_connections=none",
        "rediscache://127.0.0.1:99999/0",
    ],
)
def test_a_mistake_in_the_address_is_named_at_start(
    settings: Settings, url: str
) -> None:
    use_cache(settings, url)
    assert [one.id for one in cache_can_be_used()] == ["intake.E002"]


@needs_redis
def test_an_encoding_that_nobody_knows_is_named_at_start(
    settings: Settings, redis_server: RedisServer
) -> None:
    address = f"rediscache://127.0.0.1:{redis_server.port}/0"
    use_cache(settings, f"{address}?encoding=none")
    assert [one.id for one in cache_can_be_used()] == ["intake.E002"]


def test_a_cache_that_is_away_stops_no_command(settings: Settings) -> None:
    use_cache(settings, f"rediscache://127.0.0.1:{free_port()}/0")
    assert cache_can_be_used() == []


@pytest.mark.parametrize(
    ("url", "shared"),
    [
        ("locmemcache://", False),
        ("dummycache://", False),
        ("filecache:///tmp/nowhere", False),
        ("rediscache://127.0.0.1/0", True),
        ("pymemcache://127.0.0.1:11211", True),
    ],
)
def test_a_production_is_told_when_its_cache_is_not_shared(
    settings: Settings, url: str, shared: bool
) -> None:
    use_cache(settings, url)
    assert bool(cache_is_shared()) is not shared


def test_what_the_address_says_of_times_is_kept() -> None:
    url = "rediscache://127.0.0.1/0?socket_timeout=1&version=2"
    found = bounded(Env.cache_url_config(url))
    assert found["OPTIONS"]["socket_timeout"] == 1
    assert found["VERSION"] == 2
