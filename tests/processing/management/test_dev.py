import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from processing.management.commands import dev
from processing.models import User
from tests.live import free_port, wait_for
from tests.processing.management.left_over import processes_with
from tests.signals import hear_all

START = 120  # seconds: a new database, a server and nine processes on a busy machine


@pytest.fixture
def own_var(settings: Settings, tmp_path: Path) -> None:
    settings.EMBEDDED = True
    settings.VAR_DIR = tmp_path
    settings.SITE_URL = f"http://127.0.0.1:{free_port()}"
    settings.SQS_ENDPOINT_URL = f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("setting", ["SITE_URL", "SQS_ENDPOINT_URL"])
def test_a_taken_port_is_named_with_the_way_out(
    own_var: None, settings: Settings, setting: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        setattr(settings, setting, f"http://127.0.0.1:{port}")
        with pytest.raises(CommandError) as refused:
            call_command("dev")
    assert f"Port {port} cannot be used" in str(refused.value)
    assert f"{setting}=http://127.0.0.1:{port + 1}" in str(refused.value)


def test_what_refuses_a_connection_does_not_answer() -> None:
    assert not dev._answers(f"http://127.0.0.1:{free_port()}/")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("EMBEDDED", False),
        ("SITE_URL", "https://shop.example.com"),
        ("SITE_URL", "https://127.0.0.1:8443"),
        ("SITE_URL", "http://0.0.0.0:8000"),
        ("SQS_ENDPOINT_URL", ""),
        ("SQS_ENDPOINT_URL", "https://sqs.eu-central-1.amazonaws.com"),
    ],
)
def test_it_refuses_whatever_could_be_more_than_this_machine(
    own_var: None, settings: Settings, setting: str, value: object
) -> None:
    setattr(settings, setting, value)
    with pytest.raises(CommandError, match="DATABASE_URL|this machine only"):
        call_command("dev")


@pytest.mark.django_db
def test_the_staff_account_keeps_its_password_and_its_sessions(
    own_var: None, client: Client
) -> None:
    password = dev.keep_staff_account()
    assert client.login(username=dev.STAFF, password=password)
    assert dev.keep_staff_account() == password
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db
def test_the_banner_is_true_also_when_the_account_was_changed(own_var: None) -> None:
    password = dev.keep_staff_account()
    User.objects.update(is_active=False, password="x")
    assert dev.keep_staff_account() == password
    staff = User.objects.get()
    assert staff.check_password(password)
    assert staff.is_active


def test_the_local_sqs_server_is_for_this_machine_and_keeps_its_messages(
    own_var: None, settings: Settings
) -> None:
    told = dev._sqs_server("127.0.0.1", 5351)
    folder = settings.VAR_DIR / "sqs"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert told == {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": "5351",
        "SERVICES": "sqs,s3",
        "LOG_LEVEL": "WARNING",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_web_and_sqs_listen_where_their_settings_say(host: str) -> None:
    port = free_port()
    found = dev._local_address("SITE_URL", f"http://{host}:{port}/")
    assert found == (host, port)


class Running:
    """`manage.py dev` with a var/ and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.site = f"http://127.0.0.1:{free_port()}"
        self.sqs = f"http://127.0.0.1:{free_port()}"
        self.var = folder / "var"
        self.log = folder / "log"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "dev"],
                env={
                    "PATH": os.environ["PATH"],
                    "ENV_FILE": os.devnull,
                    "VAR_DIR": str(self.var),
                    "SITE_URL": self.site,
                    "SQS_ENDPOINT_URL": self.sqs,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=hear_all,
                umask=0o022,
            )
        return self.process

    def said(self, text: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return text in self.log.read_text()

    def left(self) -> dict[int, str]:
        return processes_with(f"VAR_DIR={self.var}")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    system = Running(tmp_path)
    yield system
    for pid in system.left():
        os.kill(pid, signal.SIGKILL)
    system.process.wait()


@pytest.mark.siege
@pytest.mark.worker
def test_ctrl_c_leaves_no_process_and_a_second_start_finds_the_messages(
    running: Running,
) -> None:
    wait_for(lambda: running.said("Holdfast is running."), patience=START)
    assert re.search(r"user staff, password \S{12}\n", running.log.read_text())
    with urlopen(f"{running.site}/readyz") as answer:
        assert answer.status == 200
    reached: dict[str, Any] = {
        "endpoint_url": running.sqs,
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    sqs = boto3.client("sqs", "us-east-1", **reached)
    orders = sqs.get_queue_url(QueueName="holdfast-orders")["QueueUrl"]
    made = sqs.get_queue_attributes(QueueUrl=orders, AttributeNames=["All"])
    wait = made["Attributes"]["ReceiveMessageWaitTimeSeconds"]
    assert wait == dev.QUICK["SQS_WAIT_SECONDS"]  # or the triage desk warns of drift
    queue = sqs.create_queue(QueueName="nobody-reads-this")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="still here")
    s3 = boto3.client("s3", "us-east-1", **reached)
    archived = {"Bucket": dev.QUICK["ARCHIVE_BUCKET"], "Key": "failed/m.json"}
    s3.put_object(**archived, Body=b"here too")
    wait_for(lambda: running.said(" ready."), patience=START)

    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=60) == 0
    assert running.log.read_text().endswith("Stopped.\n")
    assert running.left() == {}
    kept = [running.var, *running.var.rglob("*")]
    assert {path.name for path in kept} > {"secret-key", "staff-password", "sqs"}
    assert [path for path in kept if path.stat().st_mode & 0o077] == []

    running.start()
    wait_for(lambda: running.said("Holdfast is running."), patience=START)
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "still here"
    assert s3.get_object(**archived)["Body"].read() == b"here too"


@pytest.mark.siege
@pytest.mark.worker
def test_a_child_that_dies_is_named_and_the_rest_is_stopped(running: Running) -> None:
    wait_for(lambda: running.said(" ready."), patience=START)
    beat = next(pid for pid, command in running.left().items() if " beat " in command)
    os.kill(beat, signal.SIGKILL)
    assert running.process.wait(timeout=60) == 1
    assert "beat was killed by SIGKILL." in running.log.read_text()
    assert running.left() == {}
