"""`manage.py delete_queues` deletes what ensure_queues made, and refuses all else."""

import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from processing.sqs import publisher, queues
from processing.sqs.provision import ensure_queues
from processing.sqs.topology import QUEUES
from tests.live import LiveSystem


@pytest.fixture(autouse=True)
def made(ministack: LiveSystem, settings: Settings) -> Iterator[None]:
    """All queues, and some that are somebody else's though they begin alike."""
    settings.SQS_ENDPOINT_URL = ministack.endpoint
    where = f"{ministack.endpoint}/{settings.AWS_ACCOUNT_ID}/holdfast-"
    settings.SQS_QUEUE_URLS = {name: where + name for name in settings.SQS_QUEUE_URLS}
    publisher.forget()
    ensure_queues()
    for name in OTHERS:
        queues.client().create_queue(QueueName=name)
    fifo: dict[Any, str] = {"FifoQueue": "true"}
    queues.client().create_queue(QueueName="holdfast-orders.fifo", Attributes=fifo)
    yield
    settings.SQS_ENDPOINT_URL = ministack.endpoint  # a test may have changed it
    for url in queues.client().list_queues().get("QueueUrls", []):
        queues.client().delete_queue(QueueUrl=url)
    publisher.forget()


OTHERS = {"holdfast-staging-orders", "orders", "other-orders", "holdfast-orders-copy"}


def left() -> set[str]:
    urls = queues.client().list_queues().get("QueueUrls", [])
    return {url.rpartition("/")[2] for url in urls}


def delete_queues(*options: str) -> str:
    out = StringIO()
    call_command("delete_queues", *options, stdout=out)
    return out.getvalue()


def test_what_ensure_queues_made_is_deleted_and_nothing_else() -> None:
    said = delete_queues("--yes")
    assert left() == OTHERS
    assert "/holdfast-orders-dlq  messages: 0\n" in said
    assert said.endswith(f"{2 * len(QUEUES) + 1} queues were deleted.\n")
    assert delete_queues("--yes") == "There are no queues of this prefix.\n"


def test_an_empty_queue_that_hides_a_message_is_not_empty() -> None:
    publisher.send_raw("orders", "one")
    publisher.send_raw("emails", "two")
    queues.receive("emails")
    queues.client().send_message(
        QueueUrl=queues.url("returns"), MessageBody="three", DelaySeconds=600
    )
    before = left()
    with pytest.raises(CommandError, match=r"--with-messages") as refused:
        delete_queues("--yes")
    assert "holdfast-orders (1), " in str(refused.value)
    assert "holdfast-returns (1), holdfast-emails (1). " in str(refused.value)
    assert left() == before
    delete_queues("--yes", "--with-messages")
    assert left() == OTHERS


@pytest.mark.parametrize("prefix", ["", "  "])
def test_an_empty_prefix_is_refused(settings: Settings, prefix: str) -> None:
    settings.SQS_QUEUE_PREFIX = prefix
    before = left()
    with pytest.raises(CommandError, match="SQS_QUEUE_PREFIX is empty"):
        delete_queues("--yes", "--with-messages", "--allow-aws")
    assert left() == before


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://sqs.eu-west-1.amazonaws.com",
        "https://sqs.cn-north-1.amazonaws.com.cn",
        "https://sqs.us-east-1.api.aws",
        "http://SQS.us-east-1.AMAZONAWS.com.",
        "http://",
        "nonsense",
        "https://vpce-1.sqs.us-east-1.vpce.amazonaws.com",
    ],
)
def test_aws_is_refused_unless_it_is_allowed(settings: Settings, endpoint: str) -> None:
    settings.SQS_ENDPOINT_URL = endpoint
    with pytest.raises(CommandError, match="Add --allow-aws"):
        delete_queues("--yes", "--with-messages")


@pytest.mark.parametrize(
    ("answer", "says"),
    [("no\n", "Nothing was deleted."), ("y\n", "Nothing"), ("", "Add --yes.")],
)
def test_who_does_not_say_yes_deletes_nothing(
    answer: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(answer))
    before = left()
    with pytest.raises(CommandError, match=says):
        delete_queues()
    assert left() == before


def test_yes_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("yes\n"))
    delete_queues()
    assert left() == OTHERS


def test_an_sqs_that_is_away_is_told_in_one_sentence(settings: Settings) -> None:
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="does not answer"):
        delete_queues("--yes")
