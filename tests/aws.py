"""An AWS account on this machine: ministack by TLS, where IAM decides about each call.

Each user has the policy of a role and nothing else. Because the server speaks TLS, the
policies of queues and bucket that refuse plain HTTP can stand.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from processing.infrastructure.policies import Document, Places
from processing.management.supervisor import die_with_parent
from tests.chaos.children import free_port
from tests.processing.sqs_server import self_signed

REGION, NUMBER = "us-east-1", "111122223333"  # a number that means nothing to Holdfast
ROOT = "test"  # ministack's key of the account itself, and its secret
PREFIX, BUCKET, TOPIC = "holdfast-", "holdfast-archive", "holdfast-alerts"
SERVICES = ("sqs", "iam", "sts", "s3", "sns", "kms")
LONGEST_START = 30  # seconds
#: ministack asks for these actions, which IAM does not know.
_WITH_BATCH = {"SendMessage", "DeleteMessage", "ChangeMessageVisibility"}


class Account:
    """A server with its own folder; `start` waits until it answers."""

    def __init__(
        self, folder: Path, services: Sequence[str] = SERVICES, *, tls: bool = True
    ) -> None:
        self.folder = folder
        self.services = services
        self.tls = tls
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.certificate = folder / "aws.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.certificate.touch(mode=0o600)
        self.certificate.write_bytes(self_signed())
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": ",".join(self.services),
            "MINISTACK_ACCOUNT_ID": NUMBER,
            "AUTH": "true",
            "USE_SSL": str(int(self.tls)),
            "MINISTACK_SSL_CERT": str(self.certificate),
            "MINISTACK_SSL_KEY": str(self.certificate),
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        with (self.folder / "aws.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + LONGEST_START
        while True:
            try:
                self.client("sts").get_caller_identity()
                return
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def client(self, service: str, keys: Mapping[str, str] | None = None) -> Any:
        """A client of boto3, as the account itself unless *keys* are given."""
        known = keys or keys_of(ROOT, ROOT)
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            verify=str(self.certificate),
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find this account. It has no keys yet."""
        return {
            "SQS_ENDPOINT_URL": "",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCOUNT_ID": NUMBER,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def user(self, name: str, policy: Document | str) -> dict[str, str]:
        """A new user with *policy*, or with the managed policy of that ARN; its keys, as
        variables of a process."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if isinstance(policy, str):
            iam.attach_user_policy(UserName=name, PolicyArn=policy)
        else:
            text = json.dumps(with_batch_actions(policy))
            iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=text)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return keys_of(key["AccessKeyId"], key["SecretAccessKey"])


@contextmanager
def account(
    folder: Path, services: Sequence[str] = SERVICES, *, tls: bool = True
) -> Iterator[Account]:
    found = Account(folder, services, tls=tls)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def keys_of(name: str, secret: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": secret}


def with_batch_actions(policy: Document) -> Document:
    """*policy* as ministack wants it: with the batch form of each action that has one."""
    changed = [
        {**statement, "Action": [*statement["Action"], *_batch(statement["Action"])]}
        for statement in policy["Statement"]
    ]
    return {**policy, "Statement": changed}


def _batch(actions: Sequence[str]) -> list[str]:
    return [f"{one}Batch" for one in actions if one.partition(":")[2] in _WITH_BATCH]


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{NUMBER}:{name}"


#: The names of everything in this account, as plain ARNs.
PLACES = Places(
    queue=lambda name: arn("sqs", f"{PREFIX}{name}"),
    service=lambda name: f"{name}.{REGION}.amazonaws.com",
    archive=lambda keys: f"arn:aws:s3:::{BUCKET}/{keys}",
    topic=arn("sns", TOPIC),
    key=arn("kms", "key/1"),
)
