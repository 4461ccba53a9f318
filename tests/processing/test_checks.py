import sys
from math import nan
from pathlib import Path

import pytest
from django.core.checks import CheckMessage
from pytest_django import Settings

from processing import checks
from processing.sqs.topology import QUEUES, Queue
from processing.tracing.checks import tracing


def ids(found: object) -> list[str | None]:
    assert isinstance(found, list)
    return [message.id for message in found if isinstance(message, CheckMessage)]


def test_the_declaration_we_ship_is_sound() -> None:
    assert checks.check_declaration(QUEUES.values(), 3) == []


def test_a_task_must_end_before_its_message_comes_again() -> None:
    queue = Queue("slow", visibility_timeout=50, time_limit=50)
    assert ids(checks.check_declaration([queue], 3)) == ["holdfast.E002"]


def test_a_dlq_must_keep_messages_longer_than_its_source() -> None:
    queue = Queue("brief", retention=600, dlq_retention=600)
    assert ids(checks.check_declaration([queue], 3)) == ["holdfast.E003"]


@pytest.mark.parametrize("count", [1, 1000])
def test_a_receive_count_that_sqs_takes_is_none_to_refuse(count: int) -> None:
    assert checks.check_declaration([], count) == []


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_receive_count_that_makes_no_redrive_policy_is_refused(count: int) -> None:
    assert ids(checks.check_declaration([], count)) == ["holdfast.E001"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, ["holdfast.E004"]), ("", ["holdfast.E004"]), ("x" * 50, [])],
)
def test_a_shared_database_needs_a_shared_secret_key(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
    expected: list[str],
) -> None:
    monkeypatch.delenv("SECRET_KEY")
    if key is not None:
        monkeypatch.setenv("SECRET_KEY", key)
    settings.EMBEDDED = False
    assert ids(checks.secret_key(None)) == expected
    settings.EMBEDDED = True
    assert checks.secret_key(None) == []


@pytest.mark.parametrize(
    ("site", "hosts", "expected"),
    [
        ("https://shop.example.com", ["shop.example.com"], []),
        ("https://shop.example.com:8443", [".example.com"], []),
        ("http://shop.example.com", ["shop.example.com"], ["holdfast.E005"]),
        ("https://shop.example.com", ["localhost"], ["holdfast.E006"]),
        ("https://shop.example.com", ["*"], ["holdfast.W007"]),
        ("https://shop.example.com", ["shop.example.com", "*"], ["holdfast.W007"]),
        ("ftp://shop.example.com", ["shop.example.com"], ["holdfast.E005"]),
    ],
)
def test_links_in_mail_lead_to_https_and_to_a_host_we_answer_for(
    settings: Settings, site: str, hosts: list[str], expected: list[str]
) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site, hosts
    assert ids(list(checks.addresses(None))) == expected


def test_amazons_sqs_needs_the_number_of_an_account(settings: Settings) -> None:
    settings.SQS_ENDPOINT_URL = ""
    settings.AWS_ACCOUNT_ID = "000000000000"
    assert ids(checks.real_sqs(None)) == ["holdfast.E008"]
    settings.AWS_ACCOUNT_ID = "123456789012"
    assert checks.real_sqs(None) == []


def test_a_production_without_a_mail_server_is_named(settings: Settings) -> None:
    console = "django.core.mail.backends.console.EmailBackend"
    for backend in ("processing.files.mail_files.EmailBackend", console):
        settings.EMAIL_BACKEND = backend
        assert ids(checks.mail_server(None)) == ["holdfast.E009"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert checks.mail_server(None) == []


def test_a_var_dir_that_cannot_be_written_or_that_others_read_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for unusable in ("nowhere", "file"):
        settings.VAR_DIR = tmp_path / unusable
        assert ids(list(checks.own_folder(None))) == ["holdfast.E010"]
    settings.VAR_DIR = tmp_path
    tmp_path.chmod(0o750)
    assert ids(list(checks.own_folder(None))) == ["holdfast.W011"]
    tmp_path.chmod(0o700)
    assert list(checks.own_folder(None)) == []


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(0, False), (0.3, True), (20, True), (21, False)]
)
def test_two_heartbeats_may_fail_before_a_message_is_visible(
    settings: Settings, seconds: float, *, is_good: bool
) -> None:
    settings.WORKER_HEARTBEAT_SECONDS = seconds
    assert ids(checks.heartbeat(None)) == ([] if is_good else ["holdfast.E020"])


@pytest.mark.parametrize(("seconds", "is_good"), [(0, True), (20, True), (21, False)])
def test_a_long_poll_is_no_longer_than_sqs_allows(
    settings: Settings, seconds: int, *, is_good: bool
) -> None:
    settings.SQS_WAIT_SECONDS = seconds
    assert ids(checks.long_poll(None)) == ([] if is_good else ["holdfast.E019"])


@pytest.mark.parametrize(
    ("port", "token", "expected"),
    [
        (0, "", []),
        (9101, "x" * 32, []),
        (-1, "", ["holdfast.E021"]),
        (65_535, "", []),
        (65_536, "", ["holdfast.E021"]),
        (8000, "", ["holdfast.E022"]),
        (0, "short", ["holdfast.E023"]),
        (0, "ä" * 32, ["holdfast.E025"]),
        (0, f"{'x' * 32}\n", ["holdfast.E025"]),
    ],
)
def test_metrics_have_a_port_of_their_own_and_a_token_that_nobody_guesses(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    port: int,
    token: str,
    expected: list[str],
) -> None:
    monkeypatch.delenv("PORT", raising=False)
    settings.METRICS_PORT, settings.METRICS_TOKEN = port, token
    found = list(checks.metrics(None))
    assert ids(found) == expected
    assert all("short" not in str(one) for one in found)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0, []),
        (0.01, []),
        (1, []),
        (-0.1, ["holdfast.E026"]),
        (1.1, ["holdfast.E026"]),
        (nan, ["holdfast.E026"]),
    ],
)
def test_the_share_of_sampled_traces_is_a_share(
    settings: Settings, rate: float, expected: list[str]
) -> None:
    settings.TRACE_SAMPLE_RATE = rate
    assert ids(list(tracing(None))) == expected


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("", []),
        ("http://127.0.0.1:4318", []),
        ("https://user:secret@otel.example.com/path", []),
        ("127.0.0.1:4318", ["holdfast.E027"]),
        ("grpc://127.0.0.1:4317", ["holdfast.E027"]),
        ("http://", ["holdfast.E027"]),
        ("http://secret:port", ["holdfast.E027"]),
        ("http://[secret", ["holdfast.E027"]),
        ("http://127.0.0.1:4318/?token=secret", ["holdfast.E027"]),
    ],
)
def test_spans_go_to_an_address(
    settings: Settings, endpoint: str, expected: list[str]
) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint
    found = list(tracing(None))
    assert ids(found) == expected
    assert "secret" not in repr(found)


def test_spans_that_nothing_can_export_are_told_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "processing.tracing.exporter", None)
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    assert ids(list(tracing(None))) == ["holdfast.W028"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", []),
        ("alias/ours", []),
        ("arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab", []),
        ("arn:aws-cn:kms:cn-north-1:123456789012:alias/ours", []),
        ("arn:aws:kms:eu-central-1:12345678901:key/1234abcd-12ab", ["holdfast.E024"]),
        ("foo", ["holdfast.E024"]),
        ("alias/ours and more", ["holdfast.E024"]),
        ("arn:aws:sqs:eu-central-1:123456789012:orders", ["holdfast.E024"]),
    ],
)
def test_a_key_that_cannot_be_one_is_named(
    settings: Settings, key: str, expected: list[str]
) -> None:
    settings.SQS_KMS_KEY = key
    assert ids(checks.kms_key(None)) == expected


def test_the_port_of_the_site_is_the_one_that_the_platform_names(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "9101")
    settings.METRICS_PORT = 9101
    assert ids(list(checks.metrics(None))) == ["holdfast.E022"]
    settings.SITE_URL = "http://127.0.0.1:9102"
    assert ids(list(checks.metrics(None))) == ["holdfast.E022"]
    settings.DEBUG = True  # as in `manage.py dev`
    assert checks_of_metrics_at(settings, 9101) == []
    assert checks_of_metrics_at(settings, 9102) == ["holdfast.E022"]


def checks_of_metrics_at(settings: Settings, port: int) -> list[str | None]:
    settings.METRICS_PORT = port
    return ids(list(checks.metrics(None)))
