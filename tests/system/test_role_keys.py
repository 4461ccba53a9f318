"""The processes of `Procfile`, each with the keys of its own role and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as django_settings

from dlq_review.models import DeadLetter
from processing.infrastructure import policies
from processing.infrastructure.policies import ROLES
from processing.models import Order, Outcome
from tests.aws import BUCKET, PLACES, PREFIX, Account, account
from tests.aws_resources import ALL, SEEDED, demand_tls, furnish
from tests.builders import order_data, order_updated
from tests.deploy.artefacts import PROCFILE
from tests.live import LiveSystem, answers, free_port, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
EACH_SECOND = {f"{name}_SECONDS": "1" for name in ("DLQ_PULL", "DLQ_SETTLE", "OPERATE")}
DENIED = ("AccessDenied", "not authorized", "HTTP 403")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path) as found:
        furnish(found)
        demand_tls(found)
        yield found


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[LiveSystem]:
    found = LiveSystem(tmp_path)
    yield found
    for process in reversed(found.processes):
        found.kill(process)


def start(role: str, aws: Account, processes: LiveSystem, **more: str) -> None:
    keys = aws.user(role, policies.policy(role, PLACES))
    processes.start_line(
        role,
        PROCFILE[role],
        django_settings.BASE_DIR,
        **aws.environment,
        **keys,
        **EACH_SECOND,
        ARCHIVE_BUCKET=BUCKET,
        VAR_DIR=str(processes.folder),
        **more,
    )


def post(port: int, path: str, **data: object) -> int:
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:{port}{path}"
    with urlopen(Request(address, json.dumps(data).encode(), headers)) as answer:
        return int(answer.status)


def send(aws: Account, queue: str, body: str) -> None:
    """As a producer that knows nothing of us."""
    sqs = aws.client("sqs")
    where = sqs.get_queue_url(QueueName=f"{PREFIX}{queue}")["QueueUrl"]
    sqs.send_message(QueueUrl=where, MessageBody=body)


def depths(aws: Account) -> dict[str, int]:
    """Messages that wait or are in flight, by queue; jobs come each second."""
    sqs, found = aws.client("sqs"), {}
    for name in ALL:
        where = sqs.get_queue_url(QueueName=f"{PREFIX}{name}")["QueueUrl"]
        shown = sqs.get_queue_attributes(QueueUrl=where, AttributeNames=["All"])
        found[name] = sum(
            int(value)
            for key, value in shown["Attributes"].items()
            if key.startswith("ApproximateNumber")
        )
    del found["jobs"]
    return found


def archived(aws: Account) -> set[str]:
    objects = aws.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    return {one["Key"] for one in objects} - {SEEDED}


def test_all_is_processed_and_what_fails_is_pulled_and_nothing_is_denied(
    aws: Account, processes: LiveSystem
) -> None:
    port = free_port()
    start("web", aws, processes, PORT=str(port), WEB_CONCURRENCY="1")
    for role in ("worker", "jobs", "beat"):
        start(role, aws, processes)
    wait_for(lambda: answers(port), patience=60)
    with urlopen(f"http://127.0.0.1:{port}/readyz") as ready:
        assert ready.status == 200
    assert [post(port, "/api/orders", **order_data()) for _ in range(5)] == [202] * 5
    assert post(port, "/api/signups", email="a@example.com", name="Ada") == 202
    send(aws, "orders", "no event")
    send(aws, "orders", order_updated(order_id="ORD-unknown").body)

    wait_for(lambda: DeadLetter.objects.count() == 2, patience=90)
    wait_for(lambda: Outcome.objects.filter(type="email_requested").exists())
    wait_for(lambda: not any(depths(aws).values()))
    wait_for(lambda: len(archived(aws)) == 2)
    assert Order.objects.count() == 5
    denied = {
        role: [line for line in processes.log(role).splitlines() if is_denied(line)]
        for role in ROLES
    }
    assert denied == dict.fromkeys(ROLES, [])


def is_denied(line: str) -> bool:
    return any(word in line for word in DENIED)
