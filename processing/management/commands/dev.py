"""The whole system on one machine, for development and for trying it out."""

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from processing.files.private_files import kept_secret, make_private_folder
from processing.management.supervisor import (
    ChildEndedError,
    StopAskedError,
    Supervisor,
)
from processing.models import User
from processing.s3 import bucket
from processing.sqs.provision import ensure_queues

STAFF = "staff"
LOOPBACK = ("127.0.0.1", "localhost")
#: Short times, so that a message fails, is repaired and is processed within seconds.
#: Environment variables override them.
QUICK = {
    "RETRY_BACKOFF_BASE_SECONDS": "1",
    "SQS_WAIT_SECONDS": "1",
    "DLQ_PULL_SECONDS": "2",
    "DLQ_SETTLE_SECONDS": "1",
    "OPERATE_SECONDS": "1",
    "SPOOL_RELAY_SECONDS": "2",
    "ARCHIVE_BUCKET": "holdfast-archive",
}
CELERY = ("celery", "--quiet", "-A", "project")
WORKER = ("worker", "--without-gossip", "--without-mingle", "--without-heartbeat")
#: A worker of its own for jobs, so that repair work never waits behind events.
JOBS = ("--queues", "jobs", "--concurrency", "1")
WEB = ("intake.web", "--log-level=warning")


class Command(BaseCommand):
    help = "Run web, workers, beat and an SQS server on this machine. Ctrl-C stops all."

    def handle(self, **options: Any) -> None:
        web, sqs = _addresses()
        make_private_folder(settings.VAR_DIR)
        supervisor = Supervisor(sys.stdout)
        try:
            with supervisor.listening():
                self._start(supervisor, web, sqs)
                supervisor.watch()
        except StopAskedError:
            supervisor.say("Stopped.")
        except ChildEndedError as error:
            raise CommandError(f"{error}\nEverything else was stopped.") from None

    def _start(
        self, supervisor: Supervisor, web: tuple[str, int], sqs: tuple[str, int]
    ) -> None:
        env = {**QUICK, **os.environ, "DEBUG": "1", "PYTHONUNBUFFERED": "1"}
        env["ARCHIVE_ENDPOINT_URL"] = settings.SQS_ENDPOINT_URL
        python = (sys.executable, "-m")
        supervisor.start("sqs", (*python, "ministack"), {**env, **_sqs_server(*sqs)})
        call_command("migrate", verbosity=0, interactive=False)
        password = keep_staff_account()
        connection.close()
        _make_queues(supervisor, wait=int(env["SQS_WAIT_SECONDS"]))
        _make_bucket(env["ARCHIVE_BUCKET"])
        bind = f"--bind={web[0]}:{web[1]}"
        supervisor.start("web", (*python, *WEB, bind), env)
        worker = (*python, *CELERY, *WORKER, "-l", "INFO")
        supervisor.start("worker", (*worker, "--exclude-queues", "jobs"), env)
        quiet = {**env, "LOG_LEVEL": "WARNING"}  # else a line a second
        supervisor.start("beat", (*python, *CELERY, "beat", "-l", "WARNING"), quiet)
        supervisor.wait_until(lambda: _answers(f"{settings.SITE_URL}/healthz"))
        supervisor.start("jobs", (*worker, *JOBS), env)  # nobody waits for it yet
        supervisor.say(_banner(password))


def _addresses() -> tuple[tuple[str, int], tuple[str, int]]:
    """The addresses of web and SQS. Refuses addresses that other machines can reach."""
    if not settings.EMBEDDED:
        raise CommandError(
            "DATABASE_URL is set. manage.py dev creates a staff user and shows errors in"
            " full, so it only ever uses the embedded database. Unset DATABASE_URL."
        )
    if find_spec("ministack") is None:
        raise CommandError(
            "The local SQS server is not installed: pip install -r requirements-dev.txt"
        )
    return (
        _local_address("SITE_URL", settings.SITE_URL),
        _local_address("SQS_ENDPOINT_URL", settings.SQS_ENDPOINT_URL),
    )


def _local_address(setting: str, url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise CommandError(
            f"{setting} is {url or 'empty'}. manage.py dev is open to this machine only;"
            f" use http://127.0.0.1 with a port, or unset {setting}."
        )
    address = parts.hostname, parts.port or 80
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise CommandError(
                f"Port {address[1]} cannot be used ({error.strerror}); it may be Holdfast,"
                f" running already. Stop what uses it, or choose another port:"
                f" {setting}=http://127.0.0.1:{address[1] + 1}"
            ) from None
    return address


def _make_queues(supervisor: Supervisor, wait: int) -> None:
    health = f"{settings.SQS_ENDPOINT_URL}/_ministack/health"
    supervisor.wait_until(lambda: _answers(health))
    settings.SQS_WAIT_SECONDS = wait  # queues are declared like that too
    for difference in ensure_queues():
        supervisor.say(f"{difference} (delete {settings.VAR_DIR}/sqs to start anew)")


def _make_bucket(name: str) -> None:
    settings.ARCHIVE_BUCKET, settings.ARCHIVE_ENDPOINT_URL = (
        name,
        settings.SQS_ENDPOINT_URL,
    )
    if name:
        bucket.ensure()


def _sqs_server(host: str, port: int) -> dict[str, str]:
    state = settings.VAR_DIR / "sqs"
    make_private_folder(state)
    return {
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "SERVICES": "sqs,s3",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",  # queues and messages outlive a stop
        "STATE_DIR": str(state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(state),  # for its pid file
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def keep_staff_account() -> str:
    """Make sure that user `staff` exists; return its password, kept in var/."""
    path: Path = settings.VAR_DIR / "staff-password"
    password = kept_secret(path, 9)
    staff, _ = User.objects.get_or_create(username=STAFF)
    if not staff.check_password(password):
        staff.set_password(password)
    staff.is_active = staff.is_staff = staff.is_superuser = True
    staff.save()
    return password


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):  # noqa: S310 - an address of this machine
            return True
    except (URLError, OSError):
        return False


def _banner(password: str) -> str:
    var = settings.VAR_DIR
    name = settings.ARCHIVE_BUCKET
    archive = f"s3://{name} at the same address" if name else "none"
    return f"""
  Holdfast is running.

    Front door    {settings.SITE_URL}/
    Triage desk   {settings.SITE_URL}/admin/   user {STAFF}, password {password}
    Mail          written to {var}/mail
    Queues        {settings.SQS_ENDPOINT_URL}, kept in {var}/sqs when this stops
    Archive       {archive}
    Stop          Ctrl-C
"""
