"""Which codes of SQS mean what. The codes are those of AWS, so they are written here again."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from processing.sqs import access
from processing.sqs.credentials import Steady
from processing.sqs.curl_client import QuickSQS
from processing.sqs.refusals import SendError, code, log
from tests.processing.sqs_server import serving


@pytest.mark.parametrize("service", ["", "AWS.SimpleQueueService."])
@pytest.mark.parametrize(
    ("name", "for_good"),
    [
        ("InvalidMessageContents", True),
        ("InvalidParameterValue", True),
        ("InvalidAttributeValue", True),
        ("MessageTooLong", True),
        # Somebody can put these right, and then the message is taken.
        ("AccessDenied", False),
        ("BatchRequestTooLong", False),
        ("ExpiredToken", False),
        ("InternalError", False),
        ("KmsDisabled", False),
        ("NonExistentQueue", False),
        ("QueueDoesNotExist", False),
        ("ThrottlingException", False),
    ],
)
def test_sqs_refuses_a_message_for_good_where_the_message_is_at_fault(
    service: str, name: str, for_good: bool
) -> None:
    error = SendError.of(ClientError({"Error": {"Code": service + name}}, "Send"))
    assert (str(error), error.for_good) == (name, for_good)
    assert (error.is_away, error.was_asked) == (False, True)


def test_of_a_code_as_much_is_kept_as_a_column_holds() -> None:
    error = SendError.of_code(f"Service.{'x' * 5_000}")
    assert str(error) == "x" * 100


class Doubted(Steady):
    doubts = 0

    def doubt(self) -> None:
        self.doubts += 1


@pytest.mark.parametrize(
    ("name", "doubts"),
    [
        ("ExpiredToken", 1),
        ("ExpiredTokenException", 1),
        ("InvalidAccessKeyId", 1),
        ("InvalidClientTokenId", 1),
        ("InvalidSecurity", 1),
        ("InvalidSignatureException", 1),
        ("RequestExpired", 1),
        ("SignatureDoesNotMatch", 1),
        ("UnrecognizedClientException", 1),
        ("AccessDenied", 0),
        ("QueueDoesNotExist", 0),
        ("ThrottlingException", 0),
    ],
)
def test_credentials_are_fetched_again_where_aws_refuses_them(
    name: str, doubts: int
) -> None:
    keys = Doubted("AKIA1", "secret")
    with serving() as server:
        server.status, server.body = 403, json.dumps({"__type": name}).encode()
        with pytest.raises(ClientError) as caught:
            QuickSQS(access.settled(server.url, "eu-west-1", keys)).send_message()
    assert (code(caught.value), keys.doubts) == (name, doubts)


def test_a_log_line_quotes_the_beginning_of_a_long_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said: Any = {"Error": {"Code": "AccessDenied", "Message": "x" * 5_000}}
    log(ClientError(said, "SendMessage"), "orders", "SendMessage")
    (line,) = caplog.messages
    assert line.endswith(f'failed=AccessDenied reason="{"x" * 300}"')
