"""Each variable of the environment reaches the setting that the documents name."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from tests.documents import document
from tests.kept_texts import assert_kept

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
#: The variables with values that no default has, and what becomes of each.
READ: dict[str, tuple[str, dict[str, Any]]] = {
    "SECRET_KEY": ("k" * 50, {"SECRET_KEY": "k" * 50}),
    "SECRET_KEY_FALLBACKS": ("a,b", {"SECRET_KEY_FALLBACKS": ["a", "b"]}),
    "DEBUG": ("true", {"DEBUG": True}),
    "DEMO": ("false", {"DEMO": False}),
    "RELEASE": ("r9", {"RELEASE": "r9"}),
    "LOG_LEVEL": ("DEBUG", {"LOGGING.root.level": "DEBUG"}),
    "ALLOWED_HOSTS": (
        "a.example.com,b.example.com",
        {"ALLOWED_HOSTS": ["a.example.com", "b.example.com"]},
    ),
    "SITE_URL": (
        "https://a.example.com/",
        {
            "SITE_URL": "https://a.example.com",
            "OTP_TOTP_ISSUER": "Holdfast a.example.com",
        },
    ),
    "CSRF_TRUSTED_ORIGINS": (
        "https://b.example.com",
        {"CSRF_TRUSTED_ORIGINS": ["https://b.example.com"]},
    ),
    "TRUSTED_PROXY_COUNT": ("2", {"TRUSTED_PROXY_COUNT": 2}),
    "BEHIND_TLS": (
        "true",
        {
            "BEHIND_TLS": True,
            "SECURE_SSL_REDIRECT": True,
            "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
            "SESSION_COOKIE_SECURE": True,
            "CSRF_COOKIE_SECURE": True,
            "SESSION_COOKIE_NAME": "__Host-sessionid",
            "CSRF_COOKIE_NAME": "__Host-csrftoken",
        },
    ),
    "HSTS_SECONDS": ("60", {"SECURE_HSTS_SECONDS": 60}),
    "HSTS_INCLUDE_SUBDOMAINS": ("false", {"SECURE_HSTS_INCLUDE_SUBDOMAINS": False}),
    "HSTS_PRELOAD": ("false", {"SECURE_HSTS_PRELOAD": False}),
    "API_KEYS": ("required", {"API_KEYS": "required"}),
    "CACHE_URL": (
        "rediscache://cache.example.com:6379/1?key_prefix=hf",
        {
            "CACHES.default.LOCATION": "redis://cache.example.com:6379/1",
            "CACHES.default.KEY_PREFIX": "hf",
            "CACHES.default.OPTIONS.socket_timeout": 0.2,
            "CACHES.default.OPTIONS.socket_connect_timeout": 0.2,
        },
    ),
    **{
        name: (str(value), {name: value})
        for value, name in enumerate(
            (
                "RATE_LIMIT_REQUESTS",
                "RATE_LIMIT_SIGNUPS",
                "RATE_LIMIT_KEY_REQUESTS",
                "RATE_LIMIT_LOGINS",
                "RATE_LIMIT_MAILS",
                "SESSION_COOKIE_AGE",
                "STAFF_IDLE_SECONDS",
                "SQS_WAIT_SECONDS",
                "SQS_MAX_RECEIVE_COUNT",
                "RETRY_BACKOFF_BASE_SECONDS",
                "WORKER_HEARTBEAT_SECONDS",
                "SPOOL_RELAY_SECONDS",
                "REDRIVE_OVERDUE_SECONDS",
                "RETENTION_DAYS",
                "HISTORY_DAYS",
                "UNVERIFIED_DAYS",
                "ALERT_GROWTH",
                "ALERT_REPEAT_HOURS",
                "ALERT_NEAR_LIMIT_HOURS",
                "ALERT_PULL_LATE_SECONDS",
                "ALERT_NO_WORKER_SECONDS",
                "ALERT_UNACCOUNTED",
                "ALERT_ARCHIVE_SECONDS",
                "REDRIVE_UNDO_SECONDS",
                "REDRIVE_LIMIT",
            ),
            start=101,
        )
    },
    "STAFF_SECOND_FACTOR": ("optional", {"STAFF_SECOND_FACTOR": "optional"}),
    "DATABASE_URL": (
        "postgres://ada:secret@db.example.com:5433/shop?sslmode=require&keepalives_idle=30",
        {
            "EMBEDDED": False,
            "DATABASES.default.ENGINE": "processing.database",
            "DATABASES.default.HOST": "db.example.com",
            "DATABASES.default.PORT": 5433,
            "DATABASES.default.NAME": "shop",
            "DATABASES.default.CONN_HEALTH_CHECKS": True,
            "DATABASES.default.OPTIONS": {
                "connect_timeout": 2,
                "tcp_user_timeout": 10_000,
                "keepalives_idle": 30,
                "keepalives_interval": 3,
                "keepalives_count": 3,
                "sslmode": "require",
            },
        },
    ),
    "DATABASE_CONN_MAX_AGE": ("7", {"DATABASES.default.CONN_MAX_AGE": 7}),
    "EMAIL_URL": (
        "smtp+tls://ada:secret@mail.example.com:587",
        {
            "EMAIL_HOST": "mail.example.com",
            "EMAIL_PORT": 587,
            "EMAIL_USE_TLS": True,
            "EMAIL_TIMEOUT": 10,
        },
    ),
    "DEFAULT_FROM_EMAIL": ("a@example.com", {"DEFAULT_FROM_EMAIL": "a@example.com"}),
    "AWS_REGION": (
        "eu-west-1",
        {
            "AWS_REGION": "eu-west-1",
            "CELERY_BROKER_TRANSPORT_OPTIONS.region": "eu-west-1",
        },
    ),
    "AWS_ACCOUNT_ID": ("123456789012", {"AWS_ACCOUNT_ID": "123456789012"}),
    "SQS_ENDPOINT_URL": (
        "http://127.0.0.1:4999/",
        {
            "SQS_ENDPOINT_URL": "http://127.0.0.1:4999",
            "CELERY_BROKER_URL": "sqs://127.0.0.1:4999",
            "CELERY_BROKER_TRANSPORT_OPTIONS.is_secure": False,
        },
    ),
    "SQS_QUEUE_PREFIX": (
        "shop-",
        {
            "SQS_QUEUE_URLS.emails": "http://127.0.0.1:4999/123456789012/shop-emails",
            "SQS_QUEUE_URLS.emails-dlq": "http://127.0.0.1:4999/123456789012/shop-emails-dlq",
        },
    ),
    "SQS_KMS_KEY": ("alias/hf", {"SQS_KMS_KEY": "alias/hf"}),
    "FIFO_QUEUES": (
        "orders",
        {
            "FIFO_QUEUES": ["orders"],
            "SQS_QUEUE_URLS.orders": "http://127.0.0.1:4999/123456789012/shop-orders.fifo",
        },
    ),
    "WORKER_CONCURRENCY": ("11", {"CELERY_WORKER_CONCURRENCY": 11}),
    "WORKER_PREFETCH_MULTIPLIER": ("12", {"CELERY_WORKER_PREFETCH_MULTIPLIER": 12}),
    "WORKER_NAME": ("w-7", {"WORKER_NAME": "w-7"}),
    "DLQ_PULL_SECONDS": ("13.5", {"CELERY_BEAT_SCHEDULE.pull.schedule": 13.5}),
    "DLQ_SETTLE_SECONDS": ("14.5", {"CELERY_BEAT_SCHEDULE.settle.schedule": 14.5}),
    "OPERATE_SECONDS": ("15.5", {"CELERY_BEAT_SCHEDULE.operate.schedule": 15.5}),
    "PROBE_PRIVATE_HOSTS": ("status.lan", {"PROBE_PRIVATE_HOSTS": ["status.lan"]}),
    "REDRIVE_TARGETS": ("orders:signups", {"REDRIVE_TARGETS": ["orders:signups"]}),
    "LOG_FORMAT": ("json", {"LOG_FORMAT": "json"}),
    "LOG_LEVELS": ("intake:ERROR", {"LOG_LEVELS": {"intake": "ERROR"}}),
    "METRICS_PORT": ("9464", {"METRICS_PORT": 9464}),
    "METRICS_HOST": ("0.0.0.0", {"METRICS_HOST": "0.0.0.0"}),  # noqa: S104
    "METRICS_TOKEN": ("t" * 32, {"METRICS_TOKEN": "t" * 32}),
    "METRICS_EMF": ("true", {"METRICS_EMF": True}),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "http://otel.example.com:4318/",
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.example.com:4318"},
    ),
    "TRACE_SAMPLE_RATE": ("0.5", {"TRACE_SAMPLE_RATE": 0.5}),
    "TRACE_URL": (
        "https://a.example.com/{trace_id}",
        {"TRACE_URL": "https://a.example.com/{trace_id}"},
    ),
    "LOG_URL": (
        "https://a.example.com/{request_id}",
        {"LOG_URL": "https://a.example.com/{request_id}"},
    ),
    "TRACE_SAMPLED_BY_CLIENTS": ("true", {"TRACE_SAMPLED_BY_CLIENTS": True}),
    "ARCHIVE_BUCKET": ("shop-failed", {"ARCHIVE_BUCKET": "shop-failed"}),
    "ARCHIVE_KEY": ("a/{message_id}", {"ARCHIVE_KEY": "a/{message_id}"}),
    "ARCHIVE_DAYS": ("17", {"ARCHIVE_DAYS": 17}),
    "ARCHIVE_BUCKET_OWNER": ("210987654321", {"ARCHIVE_BUCKET_OWNER": "210987654321"}),
    "ARCHIVE_ENDPOINT_URL": (
        "http://127.0.0.1:4998/",
        {"ARCHIVE_ENDPOINT_URL": "http://127.0.0.1:4998"},
    ),
    "ALERT_EMAILS": ("a@example.com", {"ALERT_EMAILS": ["a@example.com"]}),
    "ALERT_TOPIC_ARN": (TOPIC, {"ALERT_TOPIC_ARN": TOPIC}),
    "ALERT_TOPIC_ENDPOINT_URL": (
        "http://127.0.0.1:4997/",
        {"ALERT_TOPIC_ENDPOINT_URL": "http://127.0.0.1:4997"},
    ),
    "ALERT_SLACK_URL": (
        "https://hooks.slack.com/x",
        {"ALERT_SLACK_URL": "https://hooks.slack.com/x"},
    ),
    "ALERT_WEBHOOK_URL": (
        "https://example.com/x",
        {"ALERT_WEBHOOK_URL": "https://example.com/x"},
    ),
    "ALERT_WEBHOOK_SECRETS": (
        "whsec_a,whsec_b",
        {"ALERT_WEBHOOK_SECRETS": ["whsec_a", "whsec_b"]},
    ),
    "ALERT_ALERTMANAGER_URL": (
        "https://am.example.com/",
        {"ALERT_ALERTMANAGER_URL": "https://am.example.com"},
    ),
    "ALERT_PRIVATE_HOSTS": (
        "AM.internal,10.0.0.1",
        {"ALERT_PRIVATE_HOSTS": ["am.internal", "10.0.0.1"]},
    ),
    "ALERT_URGENT": ("growth,loss", {"ALERT_URGENT": ["growth", "loss"]}),
    "ALERT_QUIET_HOURS": ("22:00-07:00", {"ALERT_QUIET_HOURS": "22:00-07:00"}),
    "ALERT_TIME_ZONE": ("Europe/Berlin", {"ALERT_TIME_ZONE": "Europe/Berlin"}),
}
FOUND_ELSEWHERE = {"VAR_DIR"}  # test_settings
CODE = """
import json, os, project.settings as read
found = {name: getattr(read, name) for name in dir(read) if name.isupper()}
print(json.dumps({**found, "umask": os.umask(0)}, default=str))
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All settings of a process that has every variable."""
    given = {name: given for name, (given, _) in READ.items()}
    return settings_of(tmp_path_factory.mktemp("var"), given)


@pytest.fixture(scope="module")
def unset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All settings of a process behind TLS that has no other variable."""
    folder = tmp_path_factory.mktemp("machine") / "var"
    return settings_of(folder, {"BEHIND_TLS": "true"})


def settings_of(var: Path, given: dict[str, str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=django_settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONWARNINGS": "ignore",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(var),
            **given,
        },
        umask=0o022,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def inside(read: Any, path: str) -> Any:
    for name in path.split("."):
        read = read[name]
    return read


@pytest.mark.parametrize("name", READ)
def test_a_variable_reaches_its_setting(read: Any, name: str) -> None:
    _, expected = READ[name]
    assert {path: inside(read, path) for path in expected} == expected


def test_a_variable_that_is_not_set_has_the_default_of_the_documents(
    unset: Any,
) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", document("settings.md"), re.M)
    told = {name: default for name, default in rows if name in READ}
    assert len(told) > 35
    # The first two become something else, and the third is set here.
    for name in ("CACHE_URL", "SQS_QUEUE_PREFIX", "BEHIND_TLS"):
        del told[name]
    found = {name: inside(unset, next(iter(READ[name][1]))) for name in told}
    assert {name: written(value) for name, value in found.items()} == told


def test_what_the_settings_make_is_for_the_owner_only(unset: Any) -> None:
    """Database and key are there before a first page, and nobody else may open them."""
    folder = Path(unset["VAR_DIR"])
    modes = {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir()}
    assert modes == {"holdfast.sqlite3": 0o600, "secret-key": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "secret-key").read_text() == unset["SECRET_KEY"]
    assert unset["umask"] == 0o077  # and so is what it writes later


def test_every_other_setting_is_as_it_was_meant(unset: Any) -> None:
    """Those that no variable sets are seen by nobody else: times, headers, middleware."""
    own = {"SECRET_KEY", "WORKER_NAME", "umask"}  # of each machine, and no setting
    lines = [
        f"{path} = {value}"
        for name, setting in unset.items()
        if name not in own
        for path, value in leaves(name, setting)
    ]
    text = "\n".join(lines).replace(unset["VAR_DIR"], "VAR")
    text = text.replace(str(django_settings.BASE_DIR), "BASE")
    assert_kept(text + "\n", Path(__file__).with_name("settings.txt"))


def leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each value inside a setting, with its path."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}", inner)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from leaves(f"{path}.{number}", inner)
    else:
        yield path, json.dumps(value)


def written(value: Any) -> str:
    """*value* as the environment has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_variable_is_tried() -> None:
    example = Path(django_settings.BASE_DIR, ".env.example").read_text()
    names = {line[1:].partition("=")[0] for line in example.splitlines() if "=" in line}
    assert names - FOUND_ELSEWHERE == set(READ)
