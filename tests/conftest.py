from collections.abc import Iterator

import pytest
from moto import mock_aws
from pytest_django import Settings

from processing import queues
from processing.provision import ensure_queues


@pytest.fixture
def sqs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The declared queues on moto, in process. Ask for it by name: it costs a moment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    host = "https://sqs.us-east-1.amazonaws.com/123456789012"
    settings.AWS_ACCOUNT_ID = "123456789012"
    settings.SQS_WAIT_SECONDS = 0
    settings.SQS_QUEUE_URLS = {
        name: f"{host}/{settings.SQS_QUEUE_PREFIX}{name}"
        for name in settings.SQS_QUEUE_URLS
    }
    with mock_aws():
        queues.forget()
        ensure_queues(allow_aws=True)
        yield
    queues.forget()


@pytest.fixture
def no_sqs(settings: Settings) -> Iterator[None]:
    """An SQS that refuses every connection."""
    settings.SQS_ENDPOINT_URL = "http://127.0.0.1:9"
    queues.forget()
    yield
    queues.forget()
