"""What a run needs around it, made for it and gone after it: SQS, database, queues."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import django
import psycopg
from django.conf import settings

from benchmarks.children import Child, running
from processing.sqs import provision, queues
from processing.sqs.topology import QUEUES


@dataclass(frozen=True, slots=True)
class Surroundings:
    folder: Path
    endpoint: str
    database: str
    """SQLite or PostgreSQL."""
    sqs: Child

    def calls(self, queue: str) -> dict[str, int]:
        """Requests the SQS server has had for *queue*, by action."""
        with urllib.request.urlopen(f"{self.endpoint}/calls") as answer:  # noqa: S310
            counts: dict[str, dict[str, int]] = json.load(answer)
        return counts.get(os.environ["SQS_QUEUE_PREFIX"] + queue, {})


@contextmanager
def surroundings() -> Iterator[Surroundings]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="holdfast-bench-")))
        port = free_port()
        given = os.environ.get("DATABASE_URL", "")
        url = (
            stack.enter_context(_postgres(given))
            if given
            else f"sqlite:///{folder}/bench.sqlite3"
        )
        os.environ.update(_settings(port, url))
        engine = stack.enter_context(_sqs_server(port, folder))
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"], check=True
        )
        wait_until(lambda: is_open(port), engine.check)
        django.setup()
        provision.ensure_queues()
        yield Surroundings(
            folder=folder,
            endpoint=f"http://127.0.0.1:{port}",
            database="PostgreSQL" if given else "SQLite",
            sqs=engine,
        )


def _settings(port: int, database_url: str) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "only-for-benchmarks-" * 3,
        "DATABASE_URL": database_url,
        "SQS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "SQS_QUEUE_PREFIX": "bench-",
        "RATE_LIMIT_REQUESTS": "1000000000",
        "LOG_LEVEL": "INFO",
    }


def _sqs_server(port: int, folder: Path) -> AbstractContextManager[Child]:
    env = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "sqs",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(folder),
    }
    return running("sqs", "benchmarks.counted_sqs", env=env, folder=folder)


def make_queue(name: str) -> str:
    """Create a queue for a baseline, like our own for orders; its URL."""
    prefix = settings.SQS_QUEUE_PREFIX
    url = queues.client().create_queue(
        QueueName=prefix + name,
        Attributes={"VisibilityTimeout": str(QUEUES["orders"].visibility_timeout)},
    )["QueueUrl"]
    settings.SQS_QUEUE_URLS[name] = url
    return url


@contextmanager
def _postgres(url: str) -> Iterator[str]:
    """A database of our own beside the one that *url* names."""
    name = f"holdfast_bench_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(
    done: Callable[[], bool],
    check: Callable[[], None],
    every: float = 0.02,
    patience: float = 60,
) -> None:
    """Raises what *check* raises, or TimeoutError after *patience* seconds."""
    end = time.monotonic() + patience
    while not done():
        check()
        if time.monotonic() > end:
            raise TimeoutError(f"Nothing has come of it for {patience:.0f} s.")
        time.sleep(every)
