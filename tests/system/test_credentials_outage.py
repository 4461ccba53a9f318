"""Web and worker that start without AWS credentials, which come later."""

import json
import urllib.request
from pathlib import Path

import pytest

from processing.delivery import spool
from processing.models import Order, SpooledEvent
from tests.builders import order_data
from tests.live import LiveSystem, wait_for

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]


def order(port: int) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/orders",
        json.dumps(order_data()).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=3) as answer:
        return int(answer.status)


@pytest.mark.parametrize(
    "by", ["no credentials", "a token file that is missing", "an STS that hangs"]
)
def test_what_is_accepted_without_credentials_is_processed_once_there_are_some(
    system: LiveSystem, silent: str, tmp_path: Path, by: str
) -> None:
    file = tmp_path / "credentials"
    of_amazon = {
        "SQS_ENDPOINT_URL": "",
        "AWS_ENDPOINT_URL_SQS": system.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(file),
    }
    token = tmp_path / "token"
    if by != "no credentials":
        of_amazon |= {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/web",
            "AWS_ENDPOINT_URL_STS": silent,
        }
    if by == "an STS that hangs":
        token.write_text("a-token")
    worker = system.start_worker(**of_amazon)
    port = system.start_web(**of_amazon)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30):
        pass  # the process has started
    assert [order(port) for _ in range(3)] == [202] * 3
    assert SpooledEvent.objects.count() == 3
    assert "failed=CredentialsError" in system.log("web")
    wait_for(
        lambda: "call=ReceiveMessage failed=CredentialsError" in system.log("worker")
    )
    if by == "no credentials":
        key = "aws_access_key_id = local\naws_secret_access_key = local\n"
        file.write_text(f"[default]\n{key}")
        wait_for(lambda: "credentials=found" in system.log("web"))
        assert order(port) == 202
        assert SpooledEvent.objects.count() == 3
    SpooledEvent.objects.update(next_try_at="2020-01-01T00:00:00Z")
    assert spool.relay() == 3
    if by == "no credentials":
        wait_for(lambda: Order.objects.count() == 4)
    assert worker.poll() is None
