"""What the web server is started with, and the port of its metrics."""

import multiprocessing
import os
import socket
import sys
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from intake.web import __main__ as web
from intake.web import listeners, metrics_listener
from intake.web.responses import TAKING
from processing import board
from tests.live import free_port


def started(monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    class Server:
        def __init__(self, site: str, threads: int, **more: Any) -> None:
            found.update(site=site, threads=threads, **more)

        def serve(self) -> None:
            found["served"] = True

    monkeypatch.setenv("ENV_FILE", os.devnull)
    monkeypatch.setattr(web, "Server", Server)
    monkeypatch.setattr(multiprocessing, "set_start_method", found.get)
    monkeypatch.setattr(
        metrics_listener, "open_from", lambda env: found.update(env=env)
    )
    monkeypatch.setattr(sys, "argv", ["web", *options])
    web.main()
    assert found["served"]
    assert "PATH" in found["env"]
    return found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            [],
            {
                "site": "project.wsgi",
                "address": "127.0.0.1",
                "port": 8000,
                "workers": 1,
                "threads": 8,
                "workers_kill_timeout": 30,
                "backpressure": 1000,
                "respawn_failed_workers": True,
                "websockets": False,
                "http1_settings": HTTP1Settings(75_000, max_buffer_size=131_072),
            },
        ),
        (
            ["--bind=[::1]:9000", "--workers=2", "--threads=5", "--stop-seconds=7"],
            {
                "address": "::1",
                "port": 9000,
                "workers": 2,
                "threads": 5,
                "workers_kill_timeout": 7,
            },
        ),
        (["--bind=127.0.0.2:80"], {"address": "127.0.0.2", "port": 80}),
    ],
)
def test_the_server_is_started_as_was_asked(
    monkeypatch: pytest.MonkeyPatch, options: list[str], told: dict[str, Any]
) -> None:
    found = started(monkeypatch, *options)
    assert {name: found[name] for name in told} == told


@pytest.mark.parametrize(("format", "is_json"), [("json", True), ("", False)])
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_the_log_has_the_form_and_the_level_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, level: str, format: str, *, is_json: bool
) -> None:
    monkeypatch.setitem(web._Env.ENVIRON, "LOG_FORMAT", format)
    found = started(monkeypatch, f"--log-level={level}")
    assert found["log_level"].value == level
    log = found["log_dictconfig"]
    for name in ("_granian", "intake.web"):
        assert log["loggers"][name]["level"] == level.upper()
    assert ("JSON" in str(log["formatters"])) is is_json


class Ended:
    """A process of granian that is no more."""

    inner = SimpleNamespace(is_alive=lambda: False)


def test_a_process_that_ends_leaves_its_place_on_the_board(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spawn(*_: Any) -> Any:
        return Ended()

    server = web.Server("a.site", 1)
    monkeypatch.setattr(MPServer, "_spawn_worker", spawn)
    for _ in range(board.ROWS + 1):
        server._spawn_worker(0, None, None)


def test_the_kernel_gives_a_client_up_before_its_thread_does() -> None:
    assert 0 < web.STALLED_MS < TAKING * 1000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    found: list[socket.socket] = []
    monkeypatch.setattr(metrics_listener, "_open", found)
    return found


@pytest.mark.parametrize("port", ["", "0", " ", "x", "-1", "9000x"])
def test_without_a_port_there_is_no_listener_for_metrics(
    opened: list[socket.socket], port: str
) -> None:
    metrics_listener.open_from({"METRICS_PORT": port})
    metrics_listener.open_from({})
    assert metrics_listener.inherited() is None


@pytest.mark.parametrize(
    ("env", "host"),
    [({}, "127.0.0.1"), ({"METRICS_HOST": "127.0.0.2"}, "127.0.0.2")],
)
def test_the_metrics_have_a_port_on_this_machine_unless_told_otherwise(
    opened: list[socket.socket], env: dict[str, str], host: str
) -> None:
    port = free_port()
    metrics_listener.open_from({**env, "METRICS_PORT": f" {port} "})
    listener = metrics_listener.inherited()
    assert listener is not None
    with listener:
        assert listener.getsockname() == (host, port)


@pytest.mark.parametrize("error", [OSError("in use"), OverflowError("no such port")])
def test_a_port_that_cannot_be_used_is_logged(
    opened: list[socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(listeners, "listen", refuse)
    metrics_listener.open_from({"METRICS_PORT": "70000"})
    assert metrics_listener.inherited() is None
    assert f"metrics_port=70000 not_served='{error}'" in caplog.text
