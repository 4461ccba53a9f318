"""A put ends soon, whatever S3 does, and says that an object is stored only if it is."""

import contextlib
import gc
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    ReadTimeoutError,
)
from celery.exceptions import SoftTimeLimitExceeded
from pytest_django import Settings

from processing.s3 import bucket
from processing.sqs import access, credentials
from tests.processing.sqs_server import Server, serving
from tests.s3 import S3


@pytest.fixture
def other(settings: Settings) -> Iterator[Server]:
    """Something that answers at S3's address."""
    settings.ARCHIVE_BUCKET = "archive"
    with serving() as server:
        settings.ARCHIVE_ENDPOINT_URL = server.url
        yield server


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server that answers the first call without end, a byte at a time.

    When it has begun, the job is told to end.
    """
    over = threading.Event()

    def answer(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            taken, _ = listener.accept()
            with taken:
                taken.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
                while not over.wait(0.05):
                    taken.sendall(b"x")

    def end_the_job(*_: object) -> NoReturn:
        raise SoftTimeLimitExceeded

    former = signal.signal(signal.SIGALRM, end_the_job)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
    signal.signal(signal.SIGALRM, former)


def test_a_put_stores_the_bytes_and_says_where(s3: S3) -> None:
    content = '{"message": "ä\u2028"}'.encode()
    assert bucket.put("failed/a%2Fb.json", content) == s3.address("failed/a%2Fb.json")
    assert s3.objects() == {"failed/a%2Fb.json": content}


def test_a_bucket_that_is_gone_is_a_refusal(s3: S3, settings: Settings) -> None:
    settings.ARCHIVE_BUCKET = "never-made"
    with pytest.raises(ClientError, match="NoSuchBucket"):
        bucket.put("failed/m.json", b"{}")


def test_the_bucket_is_made_once(s3: S3) -> None:
    bucket.put("failed/m.json", b"{}")
    bucket.ensure()
    assert set(s3.objects()) == {"failed/m.json"}


@pytest.mark.parametrize("body", [b"", b"<html>Welcome to our network"])
def test_what_says_yes_to_everything_has_stored_nothing(
    other: Server, body: bytes
) -> None:
    other.body = body
    with pytest.raises(bucket.S3_ERRORS):
        bucket.put("failed/m.json", b"{}")


def test_an_s3_that_is_away_costs_two_tries(settings: Settings) -> None:
    settings.ARCHIVE_ENDPOINT_URL = "http://127.0.0.1:9"
    settings.ARCHIVE_BUCKET = "archive"
    with pytest.raises(bucket.S3_ERRORS):
        bucket.put("failed/m.json", b"{}")


@pytest.mark.parametrize("status", [403, 503])
def test_a_refusal_is_an_error_of_s3(other: Server, status: int) -> None:
    other.status, other.body = status, b"<html>proxy"
    with pytest.raises(bucket.S3_ERRORS):
        bucket.put("failed/m.json", b"{}")
    assert len(other.asked) == 1


def test_an_s3_that_hangs_is_given_up(
    silent: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ARCHIVE_ENDPOINT_URL = silent
    settings.ARCHIVE_BUCKET = "archive"
    monkeypatch.setattr(bucket, "ANSWER", 0.2)
    begun = time.monotonic()
    with pytest.raises((ReadTimeoutError, ConnectTimeoutError)):
        bucket.put("failed/m.json", b"{}")
    # Two tries, a pause of at most a second, and each waits a second for `100 Continue`.
    assert time.monotonic() - begun < 10


# Nobody closes the connection of the call that is interrupted.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_put_to_an_s3_that_drips_ends_with_its_job(
    dripping: str, settings: Settings
) -> None:
    settings.ARCHIVE_ENDPOINT_URL, settings.ARCHIVE_BUCKET = dripping, "archive"
    with pytest.raises(SoftTimeLimitExceeded) as ended:
        bucket.put("failed/m.json", b"{}")
    del ended
    gc.collect()


def test_the_worst_put_lasts_a_quarter_of_a_minute() -> None:
    assert 2 * (bucket.CONNECT + bucket.ANSWER) <= 15


def test_amazon_is_told_whose_bucket_it_must_be(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ARCHIVE_BUCKET, settings.ARCHIVE_BUCKET_OWNER = "archive", "123456789012"
    settings.ARCHIVE_ENDPOINT_URL = ""
    told: list[dict[str, object]] = []

    class Amazon:
        def put_object(self, **call: object) -> dict[str, str]:
            told.append(call)
            return {"ETag": '"1"'}

        def head_bucket(self, **call: object) -> None:
            told.append(call)

    monkeypatch.setattr(bucket, "client", Amazon)
    bucket.put("failed/m.json", b"{}")
    bucket.look()
    whose = {"Bucket": "archive", "ExpectedBucketOwner": "123456789012"}
    what = {"Key": "failed/m.json", "Body": b"{}", "ContentType": "application/json"}
    assert told == [{**whose, **what}, whose]


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ConnectionClosedError(endpoint_url="https://s3"), 2),
        (ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"), 1),
    ],
    ids=["no answer", "a refusal"],
)
def test_a_put_that_got_no_answer_is_tried_again_and_one_that_was_refused_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    settings.ARCHIVE_BUCKET = "archive"
    answers: list[Any] = [error, {"ETag": '"1"'}]

    class Amazon:
        def put_object(self, **_: object) -> dict[str, str]:
            answer: Any = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[no-any-return]

    monkeypatch.setattr(bucket, "client", Amazon)
    if tries == 2:
        assert bucket.put("failed/m.json", b"{}") == "s3://archive/failed/m.json"
    else:
        with pytest.raises(ClientError):
            bucket.put("failed/m.json", b"{}")
    assert len(answers) == 2 - tries


@pytest.mark.parametrize(
    ("endpoint", "has_key", "are_ours"),
    [("", False, True), ("", True, True)]
    + [("http://minio", True, True), ("http://minio", False, False)],
)
def test_a_server_of_our_own_takes_any_key_unless_we_have_one(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, *, has_key: bool, are_ours: bool
) -> None:
    if has_key:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    else:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setattr(credentials, "of_this_process", lambda: "ours")
    found = bucket._credentials(endpoint)
    assert found == ("ours" if are_ours else access.LOCAL)


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "minio:9000"])
def test_a_server_of_our_own_needs_no_host_name_for_each_bucket(
    settings: Settings, host: str
) -> None:
    settings.ARCHIVE_ENDPOINT_URL = f"http://{host}"
    asked = {"Bucket": "archive", "Key": "failed/m.json"}
    url = bucket.client().generate_presigned_url("put_object", Params=asked)
    assert url.startswith(f"http://{host}/archive/failed/m.json?")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_an_object_on_amazon_has_a_page_in_the_console(
    settings: Settings, region: str, host: str
) -> None:
    settings.ARCHIVE_ENDPOINT_URL, settings.AWS_REGION = "", region
    assert bucket.console_url("s3://archive/failed/spool%2Fa.json") == (
        f"https://{host}/s3/object/archive?region={region}"
        "&prefix=failed%2Fspool%252Fa.json"
    )


def test_an_object_on_a_server_of_our_own_has_none(settings: Settings) -> None:
    settings.ARCHIVE_ENDPOINT_URL = "http://127.0.0.1:4566"
    assert bucket.console_url("s3://archive/failed/m.json") == ""
    settings.ARCHIVE_ENDPOINT_URL = ""
    assert bucket.console_url("") == "", "what was not archived"
