"""Django system checks: mistakes in the declaration of queues, and in a production's settings.

`manage.py check --deploy` runs them all; every command but the deploy ones runs the rest.
"""

import os
import re
import tempfile
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host

from processing.sqs.topology import QUEUES, Queue
from processing.tracing.checks import outside_links, tracing

_KMS_KEY = re.compile(
    r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/|alias/)[\w/-]+"
)
MOST_PORTS = 65_535
SHORTEST_TOKEN = 32  # characters


def register_checks() -> None:
    register(declared_queues, "queues")
    register(long_poll, "queues")
    register(heartbeat, "queues")
    register(kms_key, "queues")
    register(metrics)
    register(tracing)
    register(outside_links)
    for check in (secret_key, addresses, real_sqs, mail_server, own_folder):
        register(check, "security", deploy=True)


def declared_queues(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return check_declaration(QUEUES.values(), settings.SQS_MAX_RECEIVE_COUNT)


def long_poll(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if 0 <= settings.SQS_WAIT_SECONDS <= 20:
        return []
    return [
        Error(
            f"SQS_WAIT_SECONDS is {settings.SQS_WAIT_SECONDS}: SQS refuses each poll that"
            " waits longer than 20 s.",
            hint="Set it to 0 to 20; 20 costs the fewest calls.",
            id="holdfast.E019",
        )
    ]


def kms_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.SQS_KMS_KEY or _KMS_KEY.fullmatch(settings.SQS_KMS_KEY):
        return []
    return [
        Error(
            f"SQS_KMS_KEY is {settings.SQS_KMS_KEY!r}, which names no key.",
            hint="Write it as arn:aws:kms:eu-central-1:123456789012:key/ and the id of the"
            " key, or set it to nothing.",
            id="holdfast.E024",
        )
    ]


def heartbeat(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    shortest = min(queue.visibility_timeout for queue in QUEUES.values())
    if 0 < settings.WORKER_HEARTBEAT_SECONDS <= shortest / 3:
        return []
    return [
        Error(
            f"WORKER_HEARTBEAT_SECONDS is {settings.WORKER_HEARTBEAT_SECONDS}: messages of"
            f" a queue are hidden for {shortest} s, and two heartbeats must be able to fail.",
            hint=f"Set it to more than 0 and at most {shortest // 3}.",
            id="holdfast.E020",
        )
    ]


def check_declaration(
    queues: Iterable[Queue], max_receive_count: int
) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not 1 <= max_receive_count <= 1000:
        found.append(
            Error(
                f"SQS_MAX_RECEIVE_COUNT is {max_receive_count}: SQS refuses such"
                " a redrive policy, so failed messages would never reach a dead-letter queue.",
                hint="Set it to 1 to 1,000; 3 is usual.",
                id="holdfast.E001",
            )
        )
    for queue in queues:
        found += _check_queue(queue)
    return found


def _check_queue(queue: Queue) -> Iterable[CheckMessage]:
    if queue.time_limit >= queue.visibility_timeout:
        yield Error(
            f"Queue {queue.name}: a task may run {queue.time_limit} s, but SQS delivers"
            f" its message again after {queue.visibility_timeout} s.",
            hint="Keep the time limit below the visibility timeout.",
            id="holdfast.E002",
        )
    if queue.dlq_retention <= queue.retention:
        yield Error(
            f"Queue {queue.name}: its DLQ keeps messages {queue.dlq_retention} s, which is"
            f" not longer than the queue itself, {queue.retention} s. SQS counts from the"
            " first send, so a message could expire as soon as it gets there.",
            hint="Give the DLQ the longer retention; 14 days is the most.",
            id="holdfast.E003",
        )


def secret_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.EMBEDDED or os.environ.get("SECRET_KEY"):
        return []
    return [
        Error(
            "SECRET_KEY is not set. Each machine would make its own, and refuse the"
            " receipts and sessions that another one signed.",
            hint="Set the same random SECRET_KEY for every process.",
            id="holdfast.E004",
        )
    ]


def addresses(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    site = urlsplit(settings.SITE_URL)
    if site.scheme != "https":
        yield Error(
            f"SITE_URL is {settings.SITE_URL}: links in mail would not use https.",
            hint="Set SITE_URL to the address of the site, which begins with https://.",
            id="holdfast.E005",
        )
    if not validate_host(site.hostname or "", settings.ALLOWED_HOSTS):
        yield Error(
            f"ALLOWED_HOSTS does not name {site.hostname}, where SITE_URL and the links"
            " in mail lead.",
            hint=f"Add {site.hostname} to ALLOWED_HOSTS.",
            id="holdfast.E006",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Warning(
            "ALLOWED_HOSTS is *: any Host header is believed.",
            hint="Name the hosts that people use.",
            id="holdfast.W007",
        )


def real_sqs(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.SQS_ENDPOINT_URL or settings.AWS_ACCOUNT_ID.strip("0"):
        return []
    return [
        Error(
            "AWS_ACCOUNT_ID is not set, so no queue URL is right.",
            hint="Set AWS_ACCOUNT_ID and AWS_REGION to where the queues are.",
            id="holdfast.E008",
        )
    ]


def mail_server(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    kind = settings.EMAIL_BACKEND.split(".")[-2]
    if kind not in ("mail_files", "console", "dummy", "locmem"):
        return []
    return [
        Error(
            "EMAIL_URL names no mail server: links and alerts do not reach anybody.",
            hint="Set EMAIL_URL, as in smtp+tls://user:password@mail.example.com:587.",
            id="holdfast.E009",
        )
    ]


def own_folder(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    try:
        with tempfile.TemporaryFile(dir=settings.VAR_DIR):
            pass
    except OSError as error:
        yield Error(
            f"VAR_DIR is {settings.VAR_DIR}, where nothing can be written:"
            f" {error.strerror}. beat keeps its schedule there.",
            hint="Set VAR_DIR to a folder that the processes' user owns.",
            id="holdfast.E010",
        )
        return
    if settings.VAR_DIR.stat().st_mode & 0o077:
        yield Warning(
            f"VAR_DIR is {settings.VAR_DIR}, which other users of the machine may open.",
            hint=f"chmod 700 {settings.VAR_DIR}",
            id="holdfast.W011",
        )


def metrics(app_configs: Any, **kwargs: Any) -> Iterable[CheckMessage]:
    if not 0 <= settings.METRICS_PORT <= MOST_PORTS:
        yield Error(
            f"METRICS_PORT is {settings.METRICS_PORT}, which is no port.",
            hint=f"Set it to 1 to {MOST_PORTS}, or to 0 for none.",
            id="holdfast.E021",
        )
    elif settings.METRICS_PORT and str(settings.METRICS_PORT) == _site_port():
        yield Error(
            f"METRICS_PORT is {settings.METRICS_PORT}, where the site answers: everybody"
            " could read the metrics.",
            hint="Set it to a port that only your monitoring reaches.",
            id="holdfast.E022",
        )
    if not settings.METRICS_TOKEN.isascii() or not settings.METRICS_TOKEN.isprintable():
        yield Error(
            "METRICS_TOKEN has characters that a header does not carry, so nobody could send it.",
            hint="Set one of letters, digits, - and _.",
            id="holdfast.E025",
        )
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < SHORTEST_TOKEN:
        yield Error(
            f"METRICS_TOKEN has {len(settings.METRICS_TOKEN)} characters and can be guessed.",
            hint=f"Set a random one of at least {SHORTEST_TOKEN} characters:"
            " python -c 'import secrets; print(secrets.token_urlsafe())'",
            id="holdfast.E023",
        )


def _site_port() -> str:
    """As Procfile binds it; `manage.py dev` takes it from SITE_URL."""
    local = urlsplit(settings.SITE_URL).port if settings.DEBUG else None
    return str(local or os.environ.get("PORT") or 8000)
