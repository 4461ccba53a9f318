import logging

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from intake import correlation
from processing.delivery import processor
from processing.models import Outcome
from processing.sqs import publisher, queues
from processing.tracing import context
from tests.intake.clients import post
from tests.intake.public_pages import queued, signup_form

TRACE = "0af7651916cd43dd8448eb211c80319c"
SIGNUP = {"email": "ada@example.com", "name": "Ada"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-ID": "req-42"}, "req-42"),
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, TRACE),
        (
            {"X-Request-ID": "a b", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"},
            TRACE,
        ),
    ],
)
def test_the_event_carries_the_id_its_sender_gave(
    client: Client, sqs: None, headers: dict[str, str], expected: str
) -> None:
    answer = post(client, "/api/signups", SIGNUP, **headers)
    (event,) = queued("signups")
    assert event.correlation_id == expected
    assert answer.headers["X-Request-ID"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Request-ID": "x" * 65},
        {"X-Request-ID": "a\nlevel=ERROR"},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
    ],
)
def test_an_id_is_made_where_none_that_can_be_used_is_given(
    client: Client, sqs: None, headers: dict[str, str]
) -> None:
    answer = post(client, "/api/signups", SIGNUP, **headers)
    (event,) = queued("signups")
    assert event.correlation_id == answer.headers["X-Request-ID"]
    assert event.correlation_id not in headers.values()


def test_each_event_of_a_batch_carries_the_id_of_its_request(
    client: Client, sqs: None
) -> None:
    events = [{"type": "signup_requested", "data": SIGNUP}]
    headers = {"X-Request-ID": "req-42"}
    answer = post(client, "/api/batches", {"events": events}, **headers)
    (event,) = queued("signups")
    assert event.correlation_id == answer.headers["X-Request-ID"] == "req-42"


@pytest.mark.django_db
def test_the_id_reaches_the_log_the_rows_and_the_mail(
    client: Client, sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    form = signup_form(client, name="Lovelace", email="lovelace@example.com")
    with caplog.at_level(logging.INFO):
        client.post("/signups/new", form, headers={"X-Request-ID": "req-42"})
        for queue in ("signups", "emails"):
            (message,) = queues.receive(queue)
            processor.handle(message)
    assert {row.correlation_id for row in Outcome.objects.all()} == {"req-42"}
    assert mail.outbox[0].extra_headers["X-Correlation-ID"] == "req-42"
    assert caplog.text.count("correlation_id=req-42") == 3
    assert "lovelace" not in caplog.text.lower()


@pytest.mark.django_db
def test_the_id_reaches_the_dead_letter(sqs: None) -> None:
    publisher.send_raw("orders", '{"type": "nothing", "correlation_id": "req-42"}')
    (message,) = queues.receive("orders")
    processor.handle(message)
    (dead,) = queues.receive("orders-dlq")
    assert '"correlation_id": "req-42"' in dead.attributes["failure"]


@pytest.mark.parametrize(
    ("believed", "rate", "given", "sampled"),
    [
        (False, 0, "01", False),
        (False, 1, "00", True),
        (True, 0, "01", True),
        (True, 1, "00", False),
    ],
)
def test_whether_a_trace_is_sampled_is_not_for_its_sender_to_say(
    client: Client,
    sqs: None,
    settings: Settings,
    believed: bool,
    rate: float,
    given: str,
    sampled: bool,
) -> None:
    settings.TRACE_SAMPLED_BY_CLIENTS = believed
    settings.TRACE_SAMPLE_RATE = rate
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-{given}"}
    post(client, "/api/signups", SIGNUP, **headers)
    (message,) = queues.receive("signups")
    assert message.trace is not None
    assert (message.trace.trace_id, message.trace.sampled) == (TRACE, sampled)


def test_the_share_of_sampled_traces_is_the_one_asked_for(settings: Settings) -> None:
    settings.TRACE_SAMPLE_RATE = 0.1
    chosen = [correlation._is_chosen(f"{number:032x}") for number in range(1000)]
    assert 70 < sum(chosen) < 130
    assert chosen == [
        correlation._is_chosen(f"{number:032x}") for number in range(1000)
    ]
    settings.SECRET_KEY = "another-" * 20
    assert chosen != [
        correlation._is_chosen(f"{number:032x}") for number in range(1000)
    ]


def test_what_a_thread_logs_behind_a_request_is_not_of_that_request(
    client: Client,
) -> None:
    client.get("/healthz", headers={"X-Request-ID": "req-42"})
    assert context.correlation_id.get() == ""
