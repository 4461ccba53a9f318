"""The doctor and what stands around: cache, mail server, settings."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from django.core import checks
from django.core.cache import cache
from pytest_django import Settings

from project.doctor import surroundings
from project.doctor.findings import State
from tests.live import free_port, wait_for
from tests.mail_server import SlowMailServer
from tests.project.doctor.held import SECRET, held


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    options = ("--port", str(port), "--save", "", "--bind", "127.0.0.1")
    with subprocess.Popen(
        [program, *options],
        cwd=tmp_path_factory.mktemp("redis"),
        stdout=subprocess.DEVNULL,
    ) as server:
        wait_for(lambda: asked(port, "PING") == "+PONG")
        yield port
        server.kill()


def asked(port: int, command: str) -> str:
    """The first line that the Redis answers; empty while it is not there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as one:
            one.sendall(f"{command}\r\n".encode())
            return one.recv(100).decode().partition("\r\n")[0]
    except ConnectionError:
        return ""


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Whoever drops a Redis cache closes its connections."""
    yield
    for pool in getattr(getattr(cache, "_cache", None), "_pools", {}).values():
        pool.disconnect()


def use_redis(settings: Settings, port: int) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://:{SECRET}@127.0.0.1:{port}/0",
            "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
        }
    }


@pytest.mark.parametrize(
    ("commands", "state", "part"),
    [
        ([], State.OK, "is shared"),
        (["REPLICAOF 127.0.0.1 1"], State.FAIL, "takes no value"),
        (["CONFIG SET maxmemory 1"], State.FAIL, "takes no value"),
    ],
)
def test_a_cache_must_take_what_is_written(
    redis: int, settings: Settings, commands: list[str], state: State, part: str
) -> None:
    for mended in ("REPLICAOF NO ONE", "CONFIG SET maxmemory 0", *commands):
        assert asked(redis, mended).startswith("+OK")
    use_redis(settings, redis)
    settings.CACHES["default"]["LOCATION"] = f"redis://127.0.0.1:{redis}/0"
    held(surroundings.cache_is_shared(None), state, part)


def test_a_cache_that_wants_another_password_is_told(
    redis: int, settings: Settings
) -> None:
    use_redis(settings, redis)
    assert asked(redis, "CONFIG SET requirepass other") == "+OK"
    held(surroundings.cache_is_shared(None), State.FAIL, "does not answer")
    assert asked(redis, 'AUTH other\r\nCONFIG SET requirepass ""').startswith("+OK")


def test_a_cache_that_is_away_hangs_or_is_not_shared_is_told(
    settings: Settings, silent: str
) -> None:
    held(surroundings.cache_is_shared(None), State.WARN, "not shared", "CACHE_URL")
    for port in (free_port(), int(silent.rpartition(":")[2])):
        use_redis(settings, port)
        held(surroundings.cache_is_shared(None), State.FAIL, "does not answer")
    use_redis(settings, 1)
    settings.CACHES["default"]["OPTIONS"] = {"no_such_option": 1}
    held(surroundings.cache_is_shared(None), State.FAIL, "cannot be used (TypeError)")


class Kept:
    """A cache that keeps what is written, or nothing."""

    def __init__(self, *, keeps: bool) -> None:
        self.keeps = keeps
        self.values: dict[str, str] = {}

    def set(self, key: str, value: str, seconds: int) -> None:
        if self.keeps:
            self.values[key] = value

    def get(self, key: str) -> str | None:
        return self.values.get(key)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@pytest.mark.parametrize(
    ("keeps", "state", "part"),
    [(True, State.OK, "keeps what"), (False, State.FAIL, "does not keep a value")],
)
def test_a_cache_must_keep_a_value_and_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, keeps: bool, state: State, part: str
) -> None:
    kept = Kept(keeps=keeps)
    monkeypatch.setattr(surroundings, "cache", kept)
    monkeypatch.setattr(surroundings, "is_of_one_process", lambda: False)
    held(surroundings.cache_is_shared(None), state, part)
    assert kept.values == {}


def use_mail(settings: Settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "holdfast", SECRET


@pytest.mark.parametrize(
    ("refuses", "state", "part"),
    [(False, State.OK, "takes the login"), (True, State.FAIL, "user or password")],
)
def test_a_mail_server_must_take_the_login(
    settings: Settings, refuses: bool, state: State, part: str
) -> None:
    server = SlowMailServer(0, refuses_login=refuses)
    server.start()
    use_mail(settings, server.listener.getsockname()[1])
    held(surroundings.mail_server(None), state, part)
    server.stop()
    assert server.taken == 0


def test_a_mail_server_that_is_away_or_hangs_is_told(
    settings: Settings, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "_PATIENCE", 0.2)
    held(surroundings.mail_server(None), State.WARN, "nobody gets mail", "EMAIL_URL")
    begun = time.monotonic()
    for port in (free_port(), int(silent.rpartition(":")[2])):
        use_mail(settings, port)
        held(surroundings.mail_server(None), State.FAIL, f":{port} takes no connection")
    assert time.monotonic() - begun < 5


def test_each_setting_that_fits_no_production_has_a_line(settings: Settings) -> None:
    found = surroundings.settings_of_production(None)
    assert {one.state for one in found} == {State.WARN, State.FAIL}
    assert any("SITE_URL is http://" in one.says for one in found)
    assert "Let a proxy end TLS, and set BEHIND_TLS=true." in {f.advice for f in found}
    assert all(one.advice.endswith(".") for one in found)
    assert settings.SECRET_KEY not in str(found)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (checks.Info("Good to know.", id="intake.I001"), None),
        (checks.Warning("Said by the line `cache`.", id="intake.W003"), None),
        (checks.Error("Said by the line `cache`.", id="intake.E002"), None),
        (checks.Error("Said by the line `mail`.", id="holdfast.E009"), None),
        (checks.Warning("Turned off on purpose.", id="security.W021"), None),
        (
            checks.Warning("It is odd.", "Look at it", id="x.W001"),
            (State.WARN, "It is odd.", "Look at it."),
        ),
        (
            checks.Error("It is wrong.", id="x.E001"),
            (State.FAIL, "It is wrong.", "Correct it as docs/settings.md explains."),
        ),
        *(
            (
                checks.Warning(
                    "No TLS. A long text.", "Long too", id=f"security.{one}"
                ),
                (
                    State.WARN,
                    "No TLS.",
                    "Let a proxy end TLS, and set BEHIND_TLS=true.",
                ),
            )
            for one in ("W004", "W008", "W012", "W016")
        ),
    ],
    ids=lambda one: getattr(one, "id", None),
)
def test_a_message_of_the_checks_becomes_one_line_or_none(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    message: checks.CheckMessage,
    told: tuple[str, ...] | None,
) -> None:
    settings.SILENCED_SYSTEM_CHECKS = ["security.W021"]
    monkeypatch.setattr(checks, "run_checks", lambda **_: [message])
    found = surroundings.settings_of_production(None)
    fine = (State.OK, "All settings fit a production.", "")
    assert [(one.state, one.says, one.advice) for one in found] == [told or fine]
