"""Credentials from the providers that AWS has, in every state they may be in."""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pytest_django import Settings

from intake.accept import accept
from processing.delivery import spool
from processing.models import SpooledEvent
from processing.sqs import access, boto3_clients, credentials, publisher, queues
from processing.sqs.credentials import CredentialsError, Kept
from processing.sqs.curl_client import QuickSQS
from tests.builders import order_created
from tests.live import wait_for
from tests.processing.sqs_server import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture(autouse=True)
def alone(no_keys: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody else in this process looks for credentials, before and after."""
    if credentials._kept:
        credentials._kept.close()
    monkeypatch.setattr(credentials, "_kept", None)
    yield
    if credentials._kept:
        credentials._kept.close()
    publisher.forget()


@pytest.fixture
def kept(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Kept]]:
    """Looks for credentials as a process that starts now would; soon again where it must."""
    monkeypatch.setattr(credentials, "REST", 0.05)
    made: list[Kept] = []

    def look() -> Kept:
        made.append(Kept())
        return made[-1]

    yield look
    for one in made:
        one.close()


class Command:
    """A credential_process: prints what `answer` last said, and counts how often."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._answer = folder / "answer"
        self._runs = folder / "runs"
        script = folder / "command.py"
        script.write_text(
            f"open({str(self._runs)!r}, 'a').write('.')\n"
            f"exec(open({str(self._answer)!r}).read())\n"
        )
        config = folder / "config"
        config.write_text(
            f"[default]\ncredential_process = {sys.executable} {script}\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    def does(self, code: str) -> None:
        self._answer.write_text(code)

    def gives(self, key: str, seconds: float = inf) -> None:
        told = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s"}
        if seconds != inf:
            ends = datetime.now(UTC) + timedelta(seconds=seconds)
            told |= {"SessionToken": f"t-{key}", "Expiration": ends.isoformat()}
        self.does(f"print({json.dumps(told)!r})")

    def runs(self) -> int:
        return len(self._runs.read_text()) if self._runs.exists() else 0


@pytest.fixture
def command(no_keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path, monkeypatch)


def key_of(known: Kept) -> str | None:
    try:
        return known.within(0).access_key
    except CredentialsError:
        return None


def by_token_file(monkeypatch: pytest.MonkeyPatch, file: Path, sts: str) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


def of_amazon(server: Server, known: Kept) -> QuickSQS:
    return QuickSQS(access.settled(server.url, "eu-west-1", known))


def signed_with(server: Server) -> list[str]:
    """The key of each call that *server* was asked."""
    found = [headers["authorization"] for headers, _ in server.asked]
    return [one.partition("Credential=")[2].partition("/")[0] for one in found]


BROKEN = {
    "fails": "raise SystemExit(1)",
    "expired": "",
    "no JSON": "print('<html>')",
    "without a key": "print('{\"Version\": 1}')",
    "another version": "print('{\"Version\": 2}')",
    "not UTF-8": "import sys; sys.stdout.buffer.write(b'\\xff')",
    "empty": 'print(\'{"Version": 1, "AccessKeyId": "", "SecretAccessKey": ""}\')',
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_command_that_gives_nothing_good_is_asked_until_it_does(
    command: Command, kept: Callable[[], Kept], name: str
) -> None:
    command.does(BROKEN[name])
    if name == "expired":
        command.gives("OLD", seconds=-10)
    known = kept()
    with pytest.raises(CredentialsError):
        known.within(20)
    command.gives("NEW")
    assert wait_for(lambda: key_of(known)) == "NEW"


def test_a_command_that_hangs_is_ended(
    command: Command, kept: Callable[[], Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "LONGEST_COMMAND", 0.3)
    command.does("import time; time.sleep(600)")
    known = kept()
    wait_for(lambda: command.runs() > 1)
    command.gives("NEW")
    assert wait_for(lambda: key_of(known)) == "NEW"


@pytest.mark.parametrize("half", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_of_a_key_is_none(
    kept: Callable[[], Kept], monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    monkeypatch.setenv(half, "x")
    with pytest.raises(CredentialsError):
        kept().within(20)


def test_a_process_that_found_none_at_its_start_finds_them_later(
    kept: Callable[[], Kept],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    known = kept()
    with pytest.raises(CredentialsError):
        known.within(20)
    file.write_text("[default]\naws_access_key_id = LATE\naws_secret_access_key = s\n")
    assert wait_for(lambda: key_of(known)) == "LATE"
    assert wait_for(lambda: "credentials=found" in caplog.text)
    told = [(one.levelname, one.getMessage()) for one in caplog.records]
    assert [one for one in told if one[1].startswith("credentials=")] == [
        ("ERROR", "credentials=NoCredentialsError"),
        ("INFO", "credentials=found"),
    ]


def test_a_token_file_that_is_missing_costs_no_call_its_time(
    server: Server,
    kept: Callable[[], Kept],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    by_token_file(monkeypatch, tmp_path / "missing", server.url)
    known = kept()
    with pytest.raises(CredentialsError, match="FileNotFoundError"):
        known.within(20)
    assert "credentials=FileNotFoundError" in caplog.text
    assert "missing" not in caplog.text


def test_an_sts_that_hangs_holds_up_no_call(
    server: Server,
    silent: str,
    kept: Callable[[], Kept],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "token").write_text("a-token")
    by_token_file(monkeypatch, tmp_path / "token", silent)
    began = time.monotonic()
    sqs = of_amazon(server, kept())
    for _ in range(20):
        with pytest.raises(CredentialsError):
            sqs.send_message(MessageBody="x")
    assert time.monotonic() - began < 4  # 0.5 s, on a machine that is not busy
    assert not server.asked


def test_credentials_that_rotate_are_fetched_beside_the_calls(
    server: Server, command: Command, kept: Callable[[], Kept]
) -> None:
    command.gives("ONE", seconds=6)
    known = kept()
    known.within(20)
    runs = command.runs()
    sqs = of_amazon(server, known)
    for _ in range(5):
        sqs.send_message_batch(Entries=[])
    assert command.runs() == runs
    command.gives("TWO", seconds=3600)
    seen: list[str | None] = []

    def is_second() -> bool:
        seen.append(key_of(known))
        return seen[-1] == "TWO"

    wait_for(is_second)
    assert None not in seen, "the second is there before the first ends"
    runs = command.runs()
    sqs.send_message_batch(Entries=[])
    assert signed_with(server) == ["ONE"] * 5 + ["TWO"]
    assert server.asked[-1][0]["x-amz-security-token"] == "t-TWO"
    assert command.runs() == runs


def test_what_can_not_be_refreshed_is_used_to_its_end_and_no_longer(
    command: Command, kept: Callable[[], Kept]
) -> None:
    command.gives("ONE", seconds=4)
    known = kept()
    assert known.within(20).access_key == "ONE"
    command.does("raise SystemExit(1)")
    wait_for(lambda: command.runs() > 1)
    assert key_of(known) == "ONE"
    wait_for(lambda: key_of(known) is None)
    command.gives("TWO")
    assert wait_for(lambda: key_of(known)) == "TWO"


@pytest.mark.parametrize(
    "code",
    [
        "InvalidClientTokenId",
        "com.amazon.coral.service#InvalidSignatureException",  # or the clock is wrong
    ],
)
def test_a_key_that_aws_refuses_is_looked_for_again(
    server: Server, command: Command, kept: Callable[[], Kept], code: str
) -> None:
    command.gives("ONE")
    known = kept()
    known.within(20)
    sqs = of_amazon(server, known)
    sqs.send_message_batch(Entries=[])
    command.gives("TWO")
    server.status = 403
    server.body = json.dumps({"__type": code, "message": "not good"}).encode()
    with pytest.raises(Exception, match=code.rpartition("#")[2]):
        sqs.send_message_batch(Entries=[])
    assert wait_for(lambda: key_of(known) == "TWO")


IN_XML = b"<Error><Code>InvalidClientTokenId</Code></Error>"


@pytest.mark.parametrize(
    ("service", "call", "given", "refusal"),
    [
        (
            "sqs",
            "send_message",
            {"QueueUrl": "https://sqs/1/orders", "MessageBody": "x"},
            b'{"__type": "InvalidClientTokenId"}',
        ),
        ("sns", "publish", {"Message": "x"}, b"<Told>%s</Told>" % IN_XML),
        ("s3", "put_object", {"Bucket": "archive", "Key": "x"}, IN_XML),
    ],
)
def test_a_key_that_any_service_refuses_is_looked_for_again(
    server: Server,
    command: Command,
    kept: Callable[[], Kept],
    service: str,
    call: str,
    given: dict[str, str],
    refusal: bytes,
) -> None:
    command.gives("ONE")
    known = kept()
    known.within(20)
    command.gives("TWO")
    server.status, server.body = 403, refusal
    client = boto3_clients.make(service, server.url, known, access.WORKING)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        getattr(client, call)(**given)
    assert wait_for(lambda: key_of(known) == "TWO")


def test_many_refusals_ask_a_provider_once_in_each_rest(
    command: Command, kept: Callable[[], Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "REST", 0.5)
    command.gives("ONE")
    known = kept()
    known.within(20)
    found_at = time.monotonic()

    def was_asked_twice_more() -> bool:
        known.doubt()
        return command.runs() >= 3

    assert wait_for(was_asked_twice_more)
    assert time.monotonic() - found_at > 0.9


def test_a_refusal_of_another_kind_asks_no_provider(
    server: Server, command: Command, kept: Callable[[], Kept]
) -> None:
    command.gives("ONE")
    known = kept()
    known.within(20)
    sqs = of_amazon(server, known)
    server.status, server.body = 403, b'{"__type": "AccessDenied", "message": "no"}'
    for _ in range(5):
        with pytest.raises(Exception, match="AccessDenied"):
            sqs.send_message_batch(Entries=[])
    assert command.runs() == 1


def test_a_process_that_was_forked_signs_at_once_with_what_its_parent_found(
    command: Command, kept: Callable[[], Kept]
) -> None:
    command.gives("ONE")
    parent = kept()
    parent.within(20)
    command.does("import time; time.sleep(600)")
    child = Kept(like=parent)
    assert key_of(child) == "ONE"
    child.close()


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", ["hangs", "missing file", "none", "no profile"])
def test_an_event_is_spooled_in_time_whatever_the_provider_does(
    no_keys: None,
    settings: Settings,
    silent: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    settings.SQS_ENDPOINT_URL = ""
    file = tmp_path / "token"
    if trouble in ("hangs", "missing file"):
        by_token_file(monkeypatch, file, silent)
    if trouble == "hangs":
        file.write_text("a-token")
    if trouble == "no profile":
        monkeypatch.setenv("AWS_PROFILE", "missing")
    publisher.forget()
    if trouble != "no profile":
        queues.client()  # making it takes a busy machine its time
    began = time.monotonic()
    event = order_created()
    accept(event)
    assert time.monotonic() - began < 4  # STS is given up after 5 s
    assert SpooledEvent.objects.get().request_id == event.id
    assert spool.relay() == 0


def test_all_three_ways_sign_with_the_same_credentials(
    no_keys: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SQS_ENDPOINT_URL = ""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "LATE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    publisher.forget()
    known: Any = queues.client()
    assert known._request_signer._credentials is queues.reached().credentials
    assert queues.sender()._access is queues.reached()
    assert (
        known._request_signer._credentials.get_frozen_credentials().access_key == "LATE"
    )


def test_threads_that_start_together_look_once(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.gives("ONE")
    found: list[Kept] = []
    threads = [
        threading.Thread(target=lambda: found.append(credentials.of_this_process()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0].within(20).access_key == "ONE"
    assert len(set(map(id, found))) == 1
    assert found[0].pid == os.getpid()
    assert command.runs() == 1
