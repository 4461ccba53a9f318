"""All processes of a run and what they share: folder, database, SQS server, fault proxy."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import boot
from tests.chaos.children import Child, free_port
from tests.chaos.databases import Postgres, SQLite
from tests.fault_proxy import Fault, FaultProxy

CRASH_RATE = 0.002  # of each pass of each point between two steps
FLAKY = 0.15  # of the effects fail
KEYS_LAST = 6  # seconds
KEYS = """test ! -e {away} || exit 1
printf '{{"Version": 1, "AccessKeyId": "chaos", "SecretAccessKey": "chaos",
  "Expiration": "%s"}}' "$(date -u -d '+{last} seconds' +%FT%TZ)"
"""
WORKERS = ("worker-1", "worker-2")
CELERY = ("celery", "-A", "project")
WORKER = "worker --without-gossip --without-mingle --without-heartbeat -l INFO"
WEB = "intake.web --workers=2 --threads=4 --stop-seconds=3"


class Surroundings:
    def __init__(
        self, folder: Path, seed: int, database: Postgres | SQLite, defect: str
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.database = database
        self.sqs_port = free_port()
        self.web_port = free_port()
        self.metrics_ports = {name: free_port() for name in ("web", *WORKERS)}
        self.proxy = FaultProxy(self.sqs_port)
        self.fired: Counter[str] = Counter()
        self.sqs: Child | None = None
        self.children: dict[str, Child] = {}
        self._defect = defect

    @property
    def journal(self) -> Path:
        """Which messages each worker held, and when."""
        return self.folder / "held.log"

    def settings(self, sqs_port: int) -> dict[str, str]:
        """Of every process; the harness itself speaks to SQS without the proxy."""
        return {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "only-for-chaos-0123456789-0123456789-0123456789-abcdef",
            "DATABASE_URL": self.database.url,
            "SQS_ENDPOINT_URL": f"http://127.0.0.1:{sqs_port}",
            "RATE_LIMIT_REQUESTS": "1000000",
            "RATE_LIMIT_SIGNUPS": "1000000",
            "RATE_LIMIT_MAILS": "1000000",
            "SQS_WAIT_SECONDS": "1",
            "RETRY_BACKOFF_BASE_SECONDS": "1",
            "WORKER_HEARTBEAT_SECONDS": "2",
            "DLQ_PULL_SECONDS": "2",
            "DLQ_SETTLE_SECONDS": "1",
            "SPOOL_RELAY_SECONDS": "1",
            "EMAIL_URL": f"filemail:///{self.folder}/mail",
            "VAR_DIR": str(self.folder),
            "LOG_LEVEL": "INFO",
        }

    def start_sqs(self) -> None:
        self.sqs = Child(
            "sqs",
            ["ministack"],
            {
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.sqs_port),
                "SERVICES": "sqs",
                "LOG_LEVEL": "WARNING",
                "CRASH_SEED": "",
            },
            self.folder / "sqs.log",
        )

    def start_children(self, *, calm: bool = False) -> None:
        """The system. *calm*: nothing in it fails on purpose any more."""
        web = f"{WEB} --bind=127.0.0.1:{self.web_port}"
        commands = {
            "web": web.split(),
            **{name: [*CELERY, *WORKER.split()] for name in WORKERS},
            "beat": [*CELERY, "beat", "-l", "WARNING"],
        }
        if not calm:
            commands["staff-ada"] = ["tests.chaos.staff", "ada"]
            commands["staff-bob"] = ["tests.chaos.staff", "bob"]
        for name, command in commands.items():
            environment = self._environment(name, calm)
            log = self.folder / f"{name}.log"
            self.children[name] = Child(name, command, environment, log)

    def stop_children(self) -> list[str]:
        """Everything that ended, or did not, against expectation."""
        for child in self.children.values():
            child.thaw()
            child.terminate()
        for child in self.children.values():
            child.stop()
        ends = [end for child in self.children.values() for end in child.unexpected]
        self.children.clear()
        return ends

    @contextmanager
    def no_connections(self) -> Iterator[None]:
        """SQS refuses them."""
        self.proxy.stop()
        try:
            yield
        finally:
            self.fired += self.proxy.fired
            left = self.proxy.left()
            self.proxy = FaultProxy(self.sqs_port, self.proxy.port)
            for fault in left:
                self.proxy.inject(fault)

    @contextmanager
    def no_credentials(self) -> Iterator[None]:
        """Whoever is asked for AWS keys has none."""
        away = self.folder / "no-keys"
        away.touch()
        try:
            yield
        finally:
            away.unlink()

    def inject(self, fault: Fault) -> None:
        self.proxy.inject(fault)

    def fired_so_far(self) -> Counter[str]:
        return self.fired + self.proxy.fired

    def _amazon(self) -> dict[str, str]:
        """SQS as Amazon's own, so that the keys to it must be asked for."""
        command, config = self.folder / "keys.sh", self.folder / "aws-config"
        command.write_text(KEYS.format(away=self.folder / "no-keys", last=KEYS_LAST))
        config.write_text(f"[default]\ncredential_process = sh {command}\n")
        return {
            "SQS_ENDPOINT_URL": "",
            "AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{self.proxy.port}",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _environment(self, name: str, calm: bool) -> dict[str, str]:
        harsh = {"CRASH_RATE": "0" if calm else str(CRASH_RATE)}
        planted = {"DEFECT": self._defect} if self._defect else {}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONUNBUFFERED": "1",
            **self.settings(self.proxy.port),
            **self._amazon(),
            "DATABASE_URL": self.database.fragile_url,
            **boot.environment(SHORT_TIMES="3", WITNESS=str(0 if calm else FLAKY)),
            **harsh,
            **planted,
            "CRASH_SEED": f"{self.seed}/{name}",
            "HELD": str(self.journal),
            "WORKER_NAME": name,
            "METRICS_PORT": str(self.metrics_ports.get(name, 0)),
        }


@contextmanager
def surroundings(
    folder: Path, seed: int, database: Postgres | SQLite, defect: str
) -> Iterator[Surroundings]:
    """Whatever happens, no process and no database is left behind."""
    around = Surroundings(folder, seed, database, defect)
    os.environ.update(around.settings(around.sqs_port))
    try:
        around.start_sqs()
        yield around
    finally:
        for child in around.children.values():
            child.kill()
        if around.sqs is not None:
            around.sqs.kill()
        around.proxy.stop()
        if "django" in sys.modules:
            from django.db import connections

            connections.close_all()
        database.drop()
