"""A running system for tests: an SQS server and real Celery workers as processes.

They use the test database, so a test asserts on rows it reads itself.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings

from processing.sqs import publisher, queues
from processing.sqs.provision import ensure_queues

T = TypeVar("T")
WORKER = (
    "celery -A project worker"
    " --without-gossip --without-mingle --without-heartbeat -l INFO"
)
PATIENCE = 30  # seconds a test waits for something that must happen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], T], patience: float = PATIENCE) -> T:
    """The first true value of *condition*; fails the test when it stays false."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"still false after {patience} s"
        time.sleep(0.05)
    return value


class LiveSystem:
    """An SQS and S3 server of its own, and the workers a test starts on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": django_settings.SECRET_KEY,
            "DATABASE_URL": database_url(),
            "SQS_ENDPOINT_URL": self.endpoint,
            "SQS_WAIT_SECONDS": "1",
            "RETRY_BACKOFF_BASE_SECONDS": "1",
            "EMAIL_URL": f"filemail:///{self.folder}/mail",
        }

    def start_sqs(self, *more: str) -> None:
        """Start SQS and S3, and *more* services of AWS by their short names."""
        self._start(
            [Path(sys.executable).with_name("ministack")],
            "sqs",
            BIND_HOST="127.0.0.1",
            GATEWAY_PORT=str(self.port),
            SERVICES=",".join(("sqs", "s3", *more)),
            LOG_LEVEL="WARNING",
            TMPDIR=str(self.folder),
        )
        wait_for(lambda: answers(self.port))

    def start_worker(
        self, name: str = "worker", command: str = WORKER, **environment: str
    ) -> subprocess.Popen[bytes]:
        """A worker on every queue; returns when it is ready to receive."""
        process = self._start(
            [sys.executable, "-m", *command.split()], name, **environment
        )
        wait_for(lambda: " ready." in self.log(name))
        return process

    def start_web(self, name: str = "web", **environment: str) -> int:
        """The web server, as the Procfile starts it; its port."""
        port = free_port()
        bind = f"127.0.0.1:{port}"
        workers = environment.get("WEB_CONCURRENCY", "1")
        command = ["intake.web", "--workers", workers, "--bind", bind]
        self._start([sys.executable, "-m", *command], name, **environment)
        wait_for(lambda: answers(port))
        return port

    def start_beat(self, **environment: str) -> subprocess.Popen[bytes]:
        """Beat, which asks for every job each second."""
        names = ("DLQ_PULL", "DLQ_SETTLE", "OPERATE", "SPOOL_RELAY")
        return self._start(
            [sys.executable, "-m", "celery", "-A", "project", "beat", "-l", "INFO"],
            "beat",
            VAR_DIR=str(self.folder),
            **{f"{name}_SECONDS": "1" for name in names},
            **environment,
        )

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """As a platform does it: SIGTERM to the process it started."""
        process.terminate()
        process.wait(timeout=PATIENCE)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the process and all its children, at once."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start_line(
        self, name: str, line: str, folder: Path, **environment: str
    ) -> subprocess.Popen[bytes]:
        """A line of the Procfile in *folder*, by a shell, as platforms do it."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command: list[object] = ["sh", "-c", f"exec {line}"]
        return self._start(command, name, cwd=folder, PATH=path, **environment)

    def _start(
        self,
        command: list[object],
        name: str,
        *,
        cwd: str | Path | None = None,
        **environment: str,
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd or django_settings.BASE_DIR,
                env={**self.environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def database_url() -> str:
    """The test database, as the DATABASE_URL of a child process."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    login = quote(found["USER"] or "") + (
        f":{quote(found['PASSWORD'])}" if found["PASSWORD"] else ""
    )
    return f"postgres://{login}@{found['HOST']}:{found['PORT'] or 5432}/{found['NAME']}"


@contextmanager
def live_system(folder: Path, settings: Settings) -> Iterator[LiveSystem]:
    """An SQS server with the declared queues, which this process uses too."""
    system = LiveSystem(folder)
    settings.SQS_ENDPOINT_URL = system.endpoint
    settings.SQS_WAIT_SECONDS = 1
    settings.SQS_QUEUE_URLS = {
        name: f"{system.endpoint}/{url.partition('//')[2].partition('/')[2]}"
        for name, url in settings.SQS_QUEUE_URLS.items()
    }
    try:
        system.start_sqs()
        publisher.forget()
        ensure_queues()
        yield system
    finally:
        for process in reversed(system.processes):
            system.kill(process)
        publisher.forget()


def empty(queue: str) -> bool:
    return queues.depth(queue) == queues.Depth(0, 0)


@contextmanager
def sqs_server(folder: Path, *more: str) -> Iterator[LiveSystem]:
    """A server without queues and without other processes, which keeps its files in *folder*.

    *more* are services of AWS beside SQS and S3.
    """
    system = LiveSystem(folder)
    try:
        system.start_sqs(*more)
        yield system
    finally:
        for process in system.processes:
            system.kill(process)
