"""The doctor and SQS: away, hanging, refusing, with a queue that is missing."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from processing.sqs import credentials, publisher, queues
from processing.sqs.provision import ensure_queues
from project.doctor import sqs_checks
from project.doctor.findings import State
from project.doctor.roles import Role
from tests.live import LiveSystem
from tests.processing.sqs_server import Server, serving
from tests.project.doctor.held import held


@pytest.fixture
def local_sqs(
    ministack: LiveSystem, settings: Settings, request: pytest.FixtureRequest
) -> Iterator[None]:
    """The declared queues on ministack, under names of the test's own."""
    settings.SQS_ENDPOINT_URL = ministack.endpoint
    settings.SQS_QUEUE_URLS = {
        name: f"{ministack.endpoint}/{settings.AWS_ACCOUNT_ID}/{abs(hash(request.node.name))}-{name}"
        for name in settings.SQS_QUEUE_URLS
    }
    publisher.forget()
    ensure_queues()
    yield
    publisher.forget()


@pytest.fixture
def broken_sqs(settings: Settings) -> Iterator[Server]:
    with serving() as server:
        settings.SQS_ENDPOINT_URL = server.url
        publisher.forget()
        yield server
    publisher.forget()


SQS_CHECKS = (sqs_checks.sqs, sqs_checks.declared_queues, sqs_checks.drift)


def test_queues_as_they_should_be_are_ok(local_sqs: None) -> None:
    for look in (*SQS_CHECKS, sqs_checks.same_time):
        held(look(None), State.OK, "")


def test_a_missing_queue_is_named(local_sqs: None) -> None:
    queues.client().delete_queue(QueueUrl=queues.url("orders-dlq"))
    held(sqs_checks.sqs(None), State.OK, "SQS answers")
    held(sqs_checks.drift(None), State.WARN, "orders-dlq")  # and makes no queue
    found = sqs_checks.declared_queues(Role.WEB)
    held(found, State.FAIL, "do not exist: orders-dlq.", "ensure_queues --allow-aws")
    held(sqs_checks.declared_queues(Role.WORKER), State.OK, "All 4 queues exist.")
    queues.client().delete_queue(QueueUrl=queues.url("orders"))
    held(sqs_checks.sqs(None), State.OK, "SQS answers")
    found = sqs_checks.declared_queues(Role.WORKER)
    held(found, State.FAIL, "do not exist: orders.")


def test_drift_is_named(local_sqs: None) -> None:
    queues.client().set_queue_attributes(
        QueueUrl=queues.url("emails"), Attributes={"VisibilityTimeout": "7"}
    )
    found = sqs_checks.drift(None)
    held(found, State.WARN, "emails: VisibilityTimeout is 7", "ensure_queues --check")


@pytest.mark.parametrize(("number", "more"), [(3, ""), (5, "; 2 more")])
def test_three_differences_are_named_and_the_rest_is_counted(
    local_sqs: None, number: int, more: str
) -> None:
    names = ["emails", "jobs", "orders", "returns", "signups"][:number]
    for name in names:
        queues.client().set_queue_attributes(
            QueueUrl=queues.url(name), Attributes={"VisibilityTimeout": "7"}
        )
    says = sqs_checks.drift(None).says
    named = [name for name in names if f"{name}: VisibilityTimeout is 7" in says]
    assert len(named) == 3
    assert says.endswith(f"{more}.")
    assert ("more" in says) == bool(more)


@pytest.mark.parametrize(
    ("code", "role", "expected"),
    [
        ("InvalidClientTokenId", Role.WEB, (State.FAIL, "refuses the credentials")),
        ("ExpiredToken", Role.BEAT, (State.FAIL, "refuses the credentials")),
        (
            "InvalidSignatureException",
            Role.WEB,
            (State.FAIL, "refuses the credentials", "`clock`"),
        ),
        (
            "AccessDenied",
            Role.WEB,
            (State.FAIL, "may not look at orders", "permissions"),
        ),
        ("AccessDenied", Role.BEAT, (State.OK, "knows the credentials")),
        ("ServiceUnavailable", Role.WEB, (State.FAIL, "does not answer", "reach SQS")),
    ],
)
def test_a_refusal_of_sqs_is_told_by_its_cause(
    broken_sqs: Server, code: str, role: Role, expected: Any
) -> None:
    broken_sqs.status, broken_sqs.body = 403, json.dumps({"__type": code}).encode()
    held(sqs_checks.sqs(role), *expected)


def test_queues_that_sqs_does_not_show_are_named(broken_sqs: Server) -> None:
    broken_sqs.status, broken_sqs.body = 403, b'{"__type": "AccessDenied"}'
    found = sqs_checks.declared_queues(Role.WORKER)
    held(found, State.FAIL, "orders (AccessDenied)", "permissions")


def test_no_credentials_are_told(
    settings: Settings, no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "PATIENCE", 0.2)
    monkeypatch.setattr(credentials, "_kept", None)
    settings.SQS_ENDPOINT_URL = ""
    publisher.forget()
    held(sqs_checks.sqs(None), State.FAIL, "finds no AWS credentials", "role")
    publisher.forget()


def test_an_sqs_that_is_away_or_hangs_is_told(
    no_sqs: None, settings: Settings, silent: str
) -> None:
    for endpoint in (settings.SQS_ENDPOINT_URL, silent):
        settings.SQS_ENDPOINT_URL = endpoint
        publisher.forget()
        held(sqs_checks.sqs(None), State.FAIL, f"does not answer at {endpoint} (")
        held(sqs_checks.same_time(None), State.WARN, "does not tell the time")


@pytest.mark.parametrize("endpoint", ["nonsense", "http://"])
def test_an_endpoint_that_is_no_address_is_told(
    settings: Settings, endpoint: str
) -> None:
    settings.SQS_ENDPOINT_URL = endpoint
    publisher.forget()
    held(sqs_checks.sqs(None), State.FAIL, "SQS_ENDPOINT_URL is no address", "4566")
    held(sqs_checks.same_time(None), State.WARN, "does not tell the time")
    publisher.forget()


@pytest.mark.parametrize(
    ("seconds", "state", "part"),
    [
        (5, State.OK, "is that of SQS"),
        (20, State.OK, "is that of SQS"),
        (40, State.WARN, "s behind that of SQS"),
        (290, State.WARN, "s behind that of SQS"),
        (-310, State.FAIL, "s ahead of that of SQS"),
        (90, State.WARN, "s behind that of SQS"),
        (-90, State.WARN, "s ahead of that of SQS"),
        (3600, State.FAIL, "s behind that of SQS"),
    ],
)
def test_a_clock_that_differs_from_that_of_sqs_is_told(
    broken_sqs: Server, seconds: int, state: State, part: str
) -> None:
    at = timezone.now() + timedelta(seconds=seconds)
    broken_sqs.headers["Via"] = "Zürich"  # in Latin-1, as headers are
    broken_sqs.headers["Date"] = f"{at:%a, %d %b %Y %H:%M:%S} GMT"
    held(sqs_checks.same_time(None), state, part, "" if part[:2] == "is" else "NTP")
