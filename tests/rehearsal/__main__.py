"""Rehearse a deployment: `python -m tests.rehearsal`, or `make rehearse-deploy`.

Clones the checkout into an empty folder, deploys `infra/messaging.json` to an emulator of AWS
that lets IAM decide, and starts the processes of the Procfile, each with the keys of its own
role. Then it sends, breaks, archives, repairs and redrives, closes the books, and takes all
down again. Prints each step and its seconds. Exits with 0, or with 1 and the folder of the logs.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.aws import Account, account
from tests.chaos.databases import database_for
from tests.rehearsal.journey import Journey
from tests.rehearsal.release import Release
from tests.rehearsal.stack import ROLES, GuardedCloud, Stack, deployed

SERVICES = (
    *("cloudformation", "cloudwatch", "ecs", "iam"),
    *("kms", "s3", "sns", "sqs", "sts"),
)
LONGEST = 180  # seconds


def main() -> int:
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-rehearsal-"))
    try:
        rehearse(folder)
    except Exception as error:
        say(f"FAILED: {type(error).__name__}: {error}\nThe logs are in {folder}.")
        return 1
    shutil.rmtree(folder)
    took = time.monotonic() - begun
    say(f"Rehearsed in {took:.0f} s.")
    if took > LONGEST:
        say(f"FAILED: a rehearsal may take {LONGEST} s.")
    return int(took > LONGEST)


def rehearse(folder: Path) -> None:
    release = Release(folder)
    database = database_for(server="", seed=os.getpid(), folder=folder)
    try:
        _rehearse(release, database.url)
    finally:
        database.drop()


def _rehearse(release: Release, database: str) -> None:
    with step("cloned into an empty folder") as told:
        told.append(release.clone())
    with account(release.folder, SERVICES) as aws:
        with _stack(aws, release) as stack:
            known = {**_environment(aws, stack), "DATABASE_URL": database}
            release.configure(known, _keys(aws, stack))
            try:
                for name, walk in Journey(release, stack).steps.items():
                    with step(name) as told:
                        told.append(walk())
            finally:
                release.kill()
                stack.empty_archive()
        with step("taken down") as told:
            left = GuardedCloud(aws).left()
            if left:
                raise RuntimeError(f"The stack left {', '.join(left)}.")
            told.append("nothing is left")


@contextmanager
def _stack(aws: Account, release: Release) -> Iterator[Stack]:
    begun = time.monotonic()
    with deployed(aws, release.code / "infra", "dev") as stack:
        report(begun, "infra/messaging.json deployed", f"{stack.resources} resources")
        yield stack


def _keys(aws: Account, stack: Stack) -> dict[str, dict[str, str]]:
    return {role: aws.user(role, stack.policy(role)) for role in ROLES}


def _environment(aws: Account, stack: Stack) -> dict[str, str]:
    return {
        **aws.environment,
        "SQS_QUEUE_PREFIX": stack.prefix,
        "ARCHIVE_BUCKET": stack.bucket,
    }


@contextmanager
def step(name: str) -> Iterator[list[str]]:
    """Report *name*, what the step told, and its seconds."""
    begun = time.monotonic()
    told: list[str] = []
    yield told
    report(begun, name, ", ".join(told))


def report(begun: float, name: str, told: str) -> None:
    say(f"{time.monotonic() - begun:6.1f} s  {name:36} {told}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
