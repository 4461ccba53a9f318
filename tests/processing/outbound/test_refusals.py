"""Which answers say that the same message will be refused again, and which ask for a pause."""

from socket import AF_INET
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pytest_django import Settings

from processing.outbound import addresses, https, pinned, topic
from processing.outbound.addresses import Place
from processing.outbound.errors import UndeliveredError
from tests.dlq_review.alerts.receiver import Receiver, receiving


def refused(receiver: Receiver) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as found:
        https.post(receiver.url, b"{}", {}, ["127.0.0.1"])
    return found.value


@pytest.mark.parametrize(
    ("status", "is_refusal"),
    [
        *((status, True) for status in (300, 307, 400, 401, 404, 410, 422, 499)),
        *((status, False) for status in (408, 425, 429, 500, 502, 503, 599)),
    ],
)
def test_a_status_tells_whether_a_further_try_makes_sense(
    status: int, *, is_refusal: bool
) -> None:
    with receiving() as receiver:
        receiver.status = status
        error = refused(receiver)
    assert error.is_refusal is is_refusal
    assert ("a redirect" in str(error)) is (status < 400)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        *(("0", 0), ("120", 120), (" 7 ", 7), ("3600", 3600), ("3601", 3600)),
        *(("999999999", 3600), ("9" * 5_000, None), ("", None), ("-1", None)),
        *(("1.5", None), ("\u00b2", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)),
    ],
)
def test_a_pause_is_a_number_of_seconds_up_to_an_hour(
    asked: str, seconds: float | None
) -> None:
    with receiving() as receiver:
        receiver.status, receiver.headers = 503, {"Retry-After": asked}
        assert refused(receiver).retry_after == seconds


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ("", None),
        ("ada@", "Basic YWRhOg=="),
        ("a%40b:p%3A1@", "Basic YUBiOnA6MQ=="),
    ],
)
def test_a_login_in_the_url_is_told_as_it_was_before_it_was_escaped(
    login: str, header: str | None
) -> None:
    with receiving() as receiver:
        url = receiver.url.replace("//", f"//{login}")
        https.post(url, b"{}", {"User-Agent": "Mine"}, ["127.0.0.1"])
    (call,) = receiver.calls
    assert call.headers["Authorization"] == header
    assert call.headers["User-Agent"] == "Mine"


def test_no_more_than_three_addresses_of_a_host_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[Place] = []

    def refuse(place: Place) -> NoReturn:
        tried.append(place)
        raise OSError

    places = [Place(AF_INET, ("127.0.0.1", port)) for port in range(1, 6)]
    monkeypatch.setattr(addresses, "resolve", lambda *_: places)
    monkeypatch.setattr(pinned, "_connected", refuse)
    with pytest.raises(UndeliveredError):
        https.post("http://127.0.0.1/", b"{}", {}, ["127.0.0.1"])
    assert tried == places[:3]


def of_sns(code: str, status: int) -> ClientError:
    answer: Any = {
        "Error": {"Code": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Publish")


@pytest.mark.parametrize(
    ("error", "is_refusal"),
    [
        (of_sns("NotFound", 404), True),
        (of_sns("InvalidParameter", 400), True),
        (of_sns("AuthorizationError", 403), True),
        (of_sns("Throttling", 400), False),
        (of_sns("ThrottlingException", 400), False),
        (of_sns("ExpiredToken", 403), False),
        (of_sns("InvalidClientTokenId", 403), False),
        (of_sns("InternalError", 500), False),
        (of_sns("ServiceUnavailable", 503), False),
        (EndpointConnectionError(endpoint_url="https://secret.example"), False),
    ],
    ids=str,
)
def test_sns_refuses_for_good_or_for_the_moment(
    monkeypatch: pytest.MonkeyPatch, error: Exception, *, is_refusal: bool
) -> None:
    class Sns:
        def publish(self, **_: Any) -> None:
            raise error

    monkeypatch.setattr(topic, "_client", lambda pid, endpoint: Sns())
    with pytest.raises(UndeliveredError) as found:
        topic.publish("Subject", "A text.", {}, {})
    assert found.value.is_refusal is is_refusal
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    ("status", "answer"), [(503, b""), (503, b"ok"), (502, b"<html>"), (200, b"ok")]
)
def test_sns_is_asked_once_whatever_answers_in_its_place(
    settings: Settings, status: int, answer: bytes
) -> None:
    """The outbox tries again."""
    with receiving() as receiver:
        receiver.status, receiver.answer = status, answer
        settings.ALERT_TOPIC_ENDPOINT_URL = receiver.url
        settings.ALERT_TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:alerts"
        with pytest.raises(UndeliveredError) as found:
            topic.publish("Subject", "A text.", {}, {})
    assert not found.value.is_refusal
    assert len(receiver.calls) == 1
