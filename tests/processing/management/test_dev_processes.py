"""Which processes `manage.py dev` starts, and with what."""

import socket
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from processing.management.commands import dev
from processing.management.supervisor import (
    ChildEndedError,
    StopAskedError,
    Supervisor,
)
from processing.s3 import bucket
from tests.live import free_port


class Recorded:
    """A supervisor that starts nothing."""

    def __init__(self) -> None:
        self.started: dict[str, tuple[str, dict[str, str]]] = {}
        self.said: list[str] = []

    def start(self, name: str, command: tuple[str, ...], env: dict[str, str]) -> None:
        assert command[:2] == (sys.executable, "-m")
        self.started[name] = " ".join(command[2:]), env

    def wait_until(self, ready: Callable[[], bool]) -> None:
        assert ready()

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[object]:
    """An empty var/; returns what was made beside the processes."""
    made: list[object] = []
    settings.EMBEDDED, settings.VAR_DIR = True, tmp_path
    settings.SITE_URL = f"http://127.0.0.1:{free_port()}"
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:4999"
    settings.SQS_WAIT_SECONDS = 20
    settings.ARCHIVE_BUCKET = settings.ARCHIVE_ENDPOINT_URL = ""
    for name in dev.QUICK:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dev, "call_command", lambda name, **_: made.append(name))
    monkeypatch.setattr(dev, "keep_staff_account", lambda: "a password")

    def answers(url: str) -> bool:
        made.append(url)
        return True

    def make_queues() -> list[str]:
        made.append(("queues", settings.SQS_WAIT_SECONDS))
        return ["orders differs"]

    def make_bucket() -> None:
        made.append((settings.ARCHIVE_BUCKET, settings.ARCHIVE_ENDPOINT_URL))

    monkeypatch.setattr(dev, "_answers", answers)
    monkeypatch.setattr(dev, "ensure_queues", make_queues)
    monkeypatch.setattr(bucket, "ensure", make_bucket)
    return made


def started() -> Recorded:
    recorded: Any = Recorded()
    dev.Command()._start(recorded, ("127.0.0.1", 8000), ("127.0.0.1", 4999))
    return recorded  # type: ignore[no-any-return]


def test_the_processes_their_order_and_their_queues(own: list[object]) -> None:
    found = {name: command for name, (command, _) in started().started.items()}
    alone = "--without-gossip --without-mingle --without-heartbeat"
    worker = f"celery --quiet -A project worker {alone} -l INFO"
    assert list(found.items()) == [
        ("sqs", "ministack"),
        ("web", "intake.web --log-level=warning --bind=127.0.0.1:8000"),
        ("worker", f"{worker} --exclude-queues jobs"),
        ("beat", "celery --quiet -A project beat -l WARNING"),
        ("jobs", f"{worker} --queues jobs --concurrency 1"),
    ]


def test_times_are_short_errors_are_shown_and_beat_is_quiet(own: list[object]) -> None:
    for name, (_, env) in started().started.items():
        assert env.items() >= dev.QUICK.items(), name
        assert (env["DEBUG"], env["PYTHONUNBUFFERED"]) == ("1", "1")
        assert env["ARCHIVE_ENDPOINT_URL"] == "http://127.0.0.1:4999"
        level = {"beat": "WARNING", "sqs": "WARNING"}
        assert env.get("LOG_LEVEL") == level.get(name), name


def test_queues_bucket_and_tables_are_made_before_anybody_needs_them(
    own: list[object], settings: Settings
) -> None:
    recorded = started()
    assert own == [
        "migrate",
        "http://127.0.0.1:4999/_ministack/health",
        ("queues", 1),
        ("holdfast-archive", "http://127.0.0.1:4999"),
        f"{settings.SITE_URL}/healthz",
    ]
    drift, banner = recorded.said
    assert drift == f"orders differs (delete {settings.VAR_DIR}/sqs to start anew)"
    for part in (
        "user staff, password a password",
        f"{settings.SITE_URL}/admin/",
        f"{settings.VAR_DIR}/mail",
        "s3://holdfast-archive at the same address",
    ):
        assert part in banner


def test_variables_of_ones_own_win_over_the_short_times(
    own: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQS_WAIT_SECONDS", "3")
    monkeypatch.setenv("ARCHIVE_BUCKET", "")
    monkeypatch.setenv("DEBUG", "0")
    recorded = started()
    env = recorded.started["web"][1]
    found = (env["SQS_WAIT_SECONDS"], env["ARCHIVE_BUCKET"], env["DEBUG"])
    assert found == ("3", "", "1")
    assert ("queues", 3) in own
    assert not [one for one in own if isinstance(one, tuple) and one[0] != "queues"]
    assert "Archive       none" in recorded.said[-1]


@pytest.mark.parametrize(
    ("end", "refused"),
    [
        (StopAskedError(), ""),
        (
            ChildEndedError("beat ended."),
            "beat ended.\nEverything else was stopped.",
        ),
    ],
)
def test_it_says_why_it_stopped(
    own: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    end: Exception,
    refused: str,
) -> None:
    settings.SQS_ENDPOINT_URL = f"http://127.0.0.1:{free_port()}"

    def stop(*_: object) -> None:
        raise end

    monkeypatch.setattr(dev.Command, "_start", stop)
    monkeypatch.setattr(Supervisor, "listening", lambda _: nullcontext())
    if refused:
        with pytest.raises(CommandError) as told:
            call_command("dev")
        assert str(told.value) == refused
    else:
        call_command("dev")
        assert capsys.readouterr().out == "Stopped.\n"


def test_an_address_that_is_missing_is_told_as_such() -> None:
    with pytest.raises(CommandError, match="SQS_ENDPOINT_URL is empty. manage.py dev"):
        dev._local_address("SQS_ENDPOINT_URL", "")


def test_without_a_port_it_is_that_of_http(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[object] = []

    class Socket(socket.socket):
        def bind(self, address: Any) -> None:
            bound.append(address)

    monkeypatch.setattr(socket, "socket", Socket)
    assert dev._local_address("SITE_URL", "http://127.0.0.1/") == ("127.0.0.1", 80)
    assert bound == [("127.0.0.1", 80)]


def test_a_port_that_a_process_has_just_left_can_be_used() -> None:
    """Its connections linger for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        taken, _ = server.accept()
        taken.close()  # the server's side lingers
        client.close()
    assert dev._local_address("SITE_URL", f"http://127.0.0.1:{port}")[1] == port


def test_without_the_local_sqs_server_it_says_what_to_install(
    own: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "find_spec", lambda name: None)
    with pytest.raises(CommandError, match="pip install -r requirements-dev.txt"):
        call_command("dev")
