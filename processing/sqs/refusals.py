"""Errors of SQS, refusals and missing answers: parsed, and described for a log.

A log names the queue, the call and the reason in the words of SQS or curl. An error about a
message may quote it, so the log gets only its code.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, Self

from botocore.awsrequest import HeadersDict
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import create_parser

logger = logging.getLogger(__name__)

#: Codes SQS answers for a message that it will refuse again, whenever it is sent.
FOR_GOOD = {
    "InvalidMessageContents",
    "InvalidParameterValue",
    "InvalidAttributeValue",
    "MessageTooLong",
}
#: Codes of AWS for credentials that are no longer good, or never were.
BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
#: Used by SQS itself, and by its older protocol.
NO_SUCH_QUEUE = {"QueueDoesNotExist", "NonExistentQueue"}
LONGEST_CODE = 100  # characters
LONGEST_REASON = 300
_PARSER = create_parser("json")  # of refusals, which have no shape
_NO_SHAPE: Any = None


class SendError(Exception):
    """SQS did not confirm the message; it may or may not have taken it.

    `for_good`: SQS refuses this message each time it is sent. `is_away`: SQS takes no
    message of any queue. `was_asked` is false where the circuit breaker made no call.

    Raised by publisher.py, and caught by its callers: the front door (intake/accept.py),
    the spool, the redrive (redrive/sender.py) and the worker that dead-letters a message.
    """

    def __init__(
        self,
        reason: str,
        *,
        for_good: bool = False,
        is_away: bool = False,
        was_asked: bool = True,
    ) -> None:
        self.for_good = for_good
        self.is_away = is_away
        self.was_asked = was_asked
        super().__init__(reason)

    @classmethod
    def of(cls, error: Exception) -> Self:
        """The error for one of `queues.SQS_ERRORS`."""
        if isinstance(error, ClientError):
            return cls.of_code(error.response["Error"]["Code"])
        return cls(code(error), is_away=True)

    @classmethod
    def of_code(cls, code: str) -> Self:
        """The error for a *code* that SQS answered."""
        short = shortened(code)
        return cls(short, for_good=short in FOR_GOOD)


def read(
    action: str, status: int, headers: Mapping[str, str], body: bytes
) -> Exception:
    """Convert an answer other than 200 to the error that boto3 raises."""
    response = {
        "status_code": status,
        "headers": HeadersDict(headers),
        "body": body if body.startswith(b"{") else b"",  # a proxy answers in HTML
    }
    try:
        parsed = _PARSER.parse(response, _NO_SHAPE)
        return ClientError({"Error": parsed["Error"]}, action)
    except Exception:  # it is no answer of SQS
        return HTTPClientError(error=f"HTTP {status}")


def code(error: Exception) -> str:
    """SQS's code for a refusal; if SQS did not answer, the name of the error."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    return shortened(error.response["Error"]["Code"])


def shortened(code: str) -> str:
    """*code* without the name of its service."""
    return code.rpartition(".")[2][:LONGEST_CODE]


def log(error: Exception, queue: str, call: str) -> None:
    logger.warning(
        "queue=%s call=%s failed=%s reason=%s", queue, call, code(error), _reason(error)
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        said = error.response["Error"].get("Message") or ""
        reason = "" if code(error) in FOR_GOOD else said
    elif isinstance(error, BotoCoreError):
        reason = str(error.kwargs.get("error") or error)
    else:
        reason = ""
    return json.dumps(reason[:LONGEST_REASON])
