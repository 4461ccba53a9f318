import socket
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.db import InterfaceError, OperationalError, connection
from pytest_django import DjangoAssertNumQueries, Settings

from dlq_review.monitoring import accepted
from intake.accept import (
    NotAcceptedError,
    UnsendableError,
    accept,
    accept_many,
    prepare,
)
from processing import circuit_breaker
from processing.delivery import spool
from processing.events.attributes import RECEIPT
from processing.events.contracts import OrderCreated
from processing.events.envelope import new_id
from processing.models import SpooledEvent
from processing.sqs import entries, publisher, queues, refusals
from processing.sqs.refusals import SendError
from processing.sqs.send_batcher import OutOfTimeError, SendBatcher
from tests.builders import order_created, order_data, signup_requested
from tests.conftest import forget_failures
from tests.outages import away


@pytest.mark.django_db
def test_an_accepted_event_stands_on_its_queue_without_any_database_query(
    sqs: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    event = order_created()
    with django_assert_num_queries(0):
        accept(event)
    (message,) = queues.receive("orders")
    assert message.body == event.body


@pytest.mark.django_db
def test_an_event_is_spooled_when_sqs_is_away(no_sqs: None) -> None:
    event = signup_requested()
    accept(event)
    accept(event)
    assert SpooledEvent.objects.get().body == event.body


@pytest.mark.django_db
@pytest.mark.parametrize(
    "code", [*sorted(refusals.NO_SUCH_QUEUE), "AccessDenied", "KmsDisabled"]
)
def test_an_event_is_spooled_while_its_queue_can_be_put_right(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": code}}, "SendMessageBatch")

    monkeypatch.setattr(queues.sender(), "send_message_batch", refuse)
    accept(order_created())
    assert SpooledEvent.objects.get().refusal == code


def test_an_event_is_not_accepted_when_sqs_and_the_database_are_away(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "add", away)
    with pytest.raises(NotAcceptedError, match="send it again"):
        accept(order_created())


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL can")
def test_an_event_is_not_accepted_when_sqs_is_away_and_the_database_read_only(
    no_sqs: None,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    with pytest.raises(NotAcceptedError, match="send it again"):
        accept(order_created())


@pytest.mark.django_db
def test_each_accepted_event_is_in_the_log_whether_it_came_alone_or_not(
    sqs: None, caplog: pytest.LogCaptureFixture
) -> None:
    alone, *together = [order_created() for _ in range(12)]
    with caplog.at_level("INFO"):
        accept(alone)
        accept_many(together)
    logged = list(accepted.request_ids(caplog.messages))
    assert sorted(logged) == sorted(event.id for event in [alone, *together])


def test_an_event_larger_than_a_message_is_refused_before_it_is_sent(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", 100)
    with pytest.raises(entries.TooLargeError):
        accept(order_created())


@pytest.mark.django_db
def test_what_sqs_would_always_refuse_is_not_accepted_and_not_spooled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(event: object, **_: str) -> str:
        raise SendError("InvalidMessageContents", for_good=True)

    monkeypatch.setattr(publisher, "publish", refuse)
    with pytest.raises(UnsendableError):
        accept(order_created())
    assert not SpooledEvent.objects.exists()


def test_what_is_filled_in_follows_from_the_request_id() -> None:
    asked = order_data()
    del asked["order_id"]
    first, retry, other = (
        prepare(OrderCreated, asked, request_id)
        for request_id in ("request-1", "request-1", new_id())
    )
    assert first.data.reference.startswith("ORD-")
    assert first.fingerprint == retry.fingerprint != other.fingerprint


@pytest.fixture
def silent_sqs(settings: Settings) -> Iterator[None]:
    """An SQS that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.SQS_ENDPOINT_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"
        forget_failures()
        yield


@pytest.mark.django_db
def test_an_event_whose_send_was_never_answered_is_spooled(silent_sqs: None) -> None:
    event = order_created()
    accept(event)  # SQS may have it or not; this one has not
    row = SpooledEvent.objects.get()
    assert (row.body, row.refusal) == (event.body, "ReadTimeoutError")


def test_an_event_whose_send_was_never_answered_is_not_accepted_without_a_spool(
    silent_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "add", away)
    with pytest.raises(NotAcceptedError):
        accept(order_created())
    (refusal,) = accept_many([order_created()])
    assert isinstance(refusal, NotAcceptedError)


def break_the_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQS was away a moment ago."""

    def sqs_away(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs")

    with monkeypatch.context() as outage:
        outage.setattr(queues.sender(), "send_message_batch", sqs_away)
        for _ in range(circuit_breaker.FAILURES):
            publisher.publish_many([order_created()])


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_an_sqs_that_is_well_again_is_asked_when_the_database_refuses(
    sqs: None, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise error("no database")

    monkeypatch.setattr(spool, "add", refuse)
    break_the_breaker(monkeypatch)
    events = [order_created() for _ in range(3)]
    accept(events[0])
    assert accept_many(events[1:]) == [None, None]
    received = queues.receive("orders")
    assert {one.body for one in received} == {event.body for event in events}
    assert all(RECEIPT.texts.items() <= one.attributes.items() for one in received)


def test_while_both_are_away_nobody_waits_for_sqs_twice(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*_: object) -> None:
        raise OperationalError("no database")

    def sqs_away(**_: object) -> None:
        asked.append(1)
        raise EndpointConnectionError(endpoint_url="https://sqs")

    monkeypatch.setattr(circuit_breaker, "monotonic", lambda: 100.0)
    monkeypatch.setattr(spool, "add", refuse)
    monkeypatch.setattr(queues.sender(), "send_message_batch", sqs_away)
    for _ in range(circuit_breaker.FAILURES + 3):
        with pytest.raises(NotAcceptedError):
            accept(order_created())
    refusals = accept_many([order_created() for _ in range(30)])
    assert {type(refusal) for refusal in refusals} == {NotAcceptedError}
    assert len(asked) == circuit_breaker.FAILURES + 1


@pytest.mark.django_db
def test_of_many_events_those_of_a_queue_that_is_gone_alone_are_spooled(
    sqs: None,
) -> None:
    queues.client().delete_queue(QueueUrl=queues.url("emails"))
    queues.client().delete_queue(QueueUrl=queues.url("orders"))
    signups = [signup_requested(email=f"a{number}@example.com") for number in range(5)]
    assert set(accept_many([order_created() for _ in range(20)] + signups)) == {None}
    assert SpooledEvent.objects.count() == 20
    received = {one.body for one in queues.receive("signups")}
    assert received == {event.body for event in signups}


@pytest.mark.django_db
def test_a_row_whose_send_was_never_answered_stays(silent_sqs: None) -> None:
    event = order_created()
    accept(event)
    assert spool.relay() == 0
    row = SpooledEvent.objects.get()
    assert (row.request_id, row.tries) == (event.id, 1)


def test_what_sqs_refuses_for_good_when_it_is_the_last_resort_is_not_worth_a_retry(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        refused = "InvalidMessageContents"
        raise ClientError({"Error": {"Code": refused}}, "SendMessageBatch")

    monkeypatch.setattr(spool, "add", away)
    break_the_breaker(monkeypatch)
    monkeypatch.setattr(queues.sender(), "send_message_batch", refuse)
    with pytest.raises(UnsendableError):
        accept(order_created())


@pytest.mark.django_db
def test_an_event_that_was_not_sent_in_time_is_spooled(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_too_long(*_: object) -> None:
        raise OutOfTimeError("not sent in time")

    monkeypatch.setattr(SendBatcher, "put", wait_too_long)
    event = order_created()
    accept(event)
    row = SpooledEvent.objects.get()
    assert (row.body, row.refusal) == (event.body, "not sent in time")
