"""The handler of the API gives the answers that Django's handler gives."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.conf import settings as project_settings
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.urls import set_script_prefix
from pytest_django import Settings

from intake import shared_cache
from intake.api import endpoints, problems
from processing.models import SpooledEvent
from project import api_handler
from project.api_handler import LAST, ApiHandler
from tests.builders import order_data
from tests.intake.endpoints import TAKING, body_of

KEY = "4f9d2c1e-aaaa-bbbb-cccc-0123456789ab"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
Change = Callable[[Settings, pytest.MonkeyPatch], None]
Answer = tuple[str, list[tuple[str, str]], bytes]
ORDER = json.dumps(order_data()).encode()
BATCH = json.dumps(
    {"events": [{"type": "order_created", "data": order_data(), "key": KEY}]}
).encode()


def environ(method: str, path: str, body: bytes, **more: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_X_REQUEST_ID": "one-for-all",
        "HTTP_IDEMPOTENCY_KEY": KEY,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **more,
    }


def answer_of(application: api_handler.Application, asked: dict[str, Any]) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    parts = application(
        {**asked, "wsgi.input": io.BytesIO(asked["wsgi.input"].getvalue())},
        lambda status, headers: started.append((status, sorted(headers))),
    )
    body = b"".join(parts)
    getattr(parts, "close", lambda: None)()
    ((status, headers),) = started
    return status, headers, body


@pytest.fixture
def signals_keep_connections() -> Iterator[None]:
    """As Django's test client has it: a test without a database asks no connection."""
    both = (request_started, request_finished)
    for signal in both:
        signal.disconnect(close_old_connections)
    yield
    for signal in both:
        signal.connect(close_old_connections)


def both_answers(asked: dict[str, Any]) -> tuple[Answer, Answer]:
    """Django's answer and ours, each from a process that has counted nothing yet."""
    found = []
    with time_machine.travel(NOW, tick=False):
        for application in (WSGIHandler(), ApiHandler(_not_to_be_asked)):
            cache.clear()
            shared_cache.forget()
            found.append(answer_of(application, asked))
    return found[0], found[1]


def _not_to_be_asked(environ: dict[str, Any], start_response: Any) -> Any:
    raise AssertionError("The request was left to Django's handler.")


def unchanged(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    pass


def one_at_most(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT_REQUESTS = 0


def no_sign_ups(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT_SIGNUPS = 0


def keys_required(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    settings.API_KEYS = "required"


def tls_only(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    settings.SECURE_SSL_REDIRECT = True


def told_for_a_year(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    tls_only(settings, patch)
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600


def small_bodies(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10


def view_fails(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    patch.setattr(endpoints, "prepare", fail)


def names_a_policy_itself(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    response = endpoints._response

    def write(*how: Any) -> Any:
        made = response(*how)
        made.headers["referrer-policy"] = "origin"
        return made

    patch.setattr(endpoints, "_response", write)


def limits_fail(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT_REQUESTS = "not a number"


CASES: dict[str, tuple[str, dict[str, Any], Change]] = {
    **{
        f"{method} {path}": (
            "20",
            environ(method, path, body_of((method, path))),
            unchanged,
        )
        for method, path in TAKING
        if path != "/api/batches"
    },
    "a batch": ("207", environ("POST", "/api/batches", BATCH), unchanged),
    "no JSON": ("400", environ("POST", "/api/orders", b"{"), unchanged),
    "no body": ("400", environ("POST", "/api/orders", b""), unchanged),
    "another contract": ("400", environ("POST", "/api/signups", ORDER), unchanged),
    "a form": (
        "415",
        environ("POST", "/api/orders", ORDER, CONTENT_TYPE="text/plain"),
        unchanged,
    ),
    "a bad key": (
        "400",
        environ("POST", "/api/orders", ORDER, HTTP_IDEMPOTENCY_KEY="short"),
        unchanged,
    ),
    "a foreign host": (
        "400",
        environ("POST", "/api/orders", ORDER, HTTP_HOST="evil.example"),
        unchanged,
    ),
    "another method": ("405", environ("GET", "/api/orders", b""), unchanged),
    "a look at its headers": ("405", environ("HEAD", "/api/orders", b""), unchanged),
    "no such address": ("404", environ("POST", "/api/orders-x", ORDER), unchanged),
    "too much at once": ("429", environ("POST", "/api/orders", ORDER), one_at_most),
    "no API key": ("401", environ("POST", "/api/orders", ORDER), keys_required),
    "no TLS": ("403", environ("POST", "/api/orders", ORDER), tls_only),
    "over TLS": (
        "202",
        environ("POST", "/api/orders", ORDER, **{"wsgi.url_scheme": "https"}),
        told_for_a_year,
    ),
    "a policy of the view": (
        "202",
        environ("POST", "/api/orders", ORDER),
        names_a_policy_itself,
    ),
    "too large": ("413", environ("POST", "/api/orders", ORDER), small_bodies),
    "a defect of the view": ("500", environ("POST", "/api/orders", ORDER), view_fails),
    "a defect before it": ("500", environ("POST", "/api/orders", ORDER), limits_fail),
}


@pytest.mark.usefixtures("standing_clock")
@pytest.mark.parametrize("case", CASES)
def test_the_handler_of_the_api_answers_as_django_does(
    case: str,
    sqs: None,
    signals_keep_connections: None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    status, asked, change = CASES[case]
    change(settings, monkeypatch)
    caplog.set_level(logging.WARNING)
    djangos, ours = both_answers(asked)
    assert djangos[0].startswith(status)
    assert ours == djangos
    logged = [(record.name, record.getMessage()) for record in caplog.records]
    assert bool(logged) == (status >= "4")
    half = len(logged) // 2
    assert logged[:half] == logged[half:]


@pytest.mark.parametrize(
    "asked",
    [
        environ("GET", "/healthz", b""),
        environ("GET", "/api/openapi.json", b""),
        environ("GET", "/api/requests/x", b""),
        environ("POST", "/api/orders", ORDER, SCRIPT_NAME="/shop"),
    ],
    ids=lambda asked: asked["PATH_INFO"],
)
def test_whatever_else_comes_is_left_to_django(asked: dict[str, Any]) -> None:
    def django(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return [environ["PATH_INFO"].encode()]

    assert list(ApiHandler(django)(asked, None)) == [asked["PATH_INFO"].encode()]


def test_every_middleware_that_is_left_out_is_one_of_ours() -> None:
    before = set(project_settings.MIDDLEWARE[: project_settings.MIDDLEWARE.index(LAST)])
    assert before >= api_handler._NOT_CONCERNED | api_handler._SAME_FOR_ALL


def test_each_request_is_told_the_policies_of_its_own_scheme(
    sqs: None, settings: Settings
) -> None:
    settings.SECURE_HSTS_SECONDS = 3600
    handler = ApiHandler(_not_to_be_asked)
    told = []
    for scheme in ("http", "https", "http"):
        asked = environ("POST", "/api/orders", ORDER, **{"wsgi.url_scheme": scheme})
        names = [name for name, _ in answer_of(handler, asked)[1]]
        assert len(set(names)) == len(names)
        told.append("Strict-Transport-Security" in names)
    assert told == [False, True, False]


@pytest.mark.django_db(transaction=True)
def test_the_spool_takes_a_request_on_a_connection_that_was_lost(no_sqs: None) -> None:
    connection.ensure_connection()
    connection.close_at = 0.0  # long past the time that CONN_MAX_AGE gives
    before = connection.connection
    asked = environ("POST", "/api/orders", ORDER)
    assert answer_of(ApiHandler(_not_to_be_asked), asked)[0] == "202 Accepted"
    assert SpooledEvent.objects.count() == 1
    assert connection.connection is not before


@pytest.mark.django_db
def test_the_status_url_has_no_prefix_of_another_request(sqs: None) -> None:
    """Django keeps the prefix in the thread."""
    asked = environ("POST", "/api/orders", ORDER, HTTP_IDEMPOTENCY_KEY=f"{KEY}-own")
    set_script_prefix("/of-another-request/")
    try:
        _, _, body = answer_of(ApiHandler(_not_to_be_asked), asked)
    finally:
        set_script_prefix("/")
    assert "127.0.0.1/api/requests/" in json.loads(body)["statusUrl"]


@pytest.mark.parametrize("prefix", ["/shop", "/admin"])
@pytest.mark.parametrize(
    ("change", "status"),
    [
        (keys_required, "401 Unauthorized"),
        (one_at_most, "429 Too Many Requests"),
        (no_sign_ups, "429 Too Many Requests"),
    ],
)
def test_a_site_below_a_prefix_asks_for_keys_and_counts(
    prefix: str,
    change: Change,
    status: str,
    signals_keep_connections: None,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(settings, monkeypatch)
    asked = environ("POST", "/api/signups", b"{}", SCRIPT_NAME=prefix)
    try:
        found, headers, _ = answer_of(WSGIHandler(), asked)
    finally:
        set_script_prefix("/")
    assert found == status
    assert ("Content-Type", problems.CONTENT_TYPE) in headers


@pytest.mark.django_db
def test_the_status_url_has_the_prefix_of_its_own_site(sqs: None) -> None:
    told = []
    for number, prefix in enumerate(("/shop", "", "/shop")):
        own = {"SCRIPT_NAME": prefix, "HTTP_IDEMPOTENCY_KEY": f"{KEY}-{number}"}
        try:
            answer = answer_of(
                WSGIHandler(), environ("POST", "/api/orders", ORDER, **own)
            )
        finally:
            set_script_prefix("/")
        url = json.loads(answer[2])["statusUrl"]
        told.append(url.partition("127.0.0.1")[2].partition("/api/")[0])
    assert told == ["/shop", "", "/shop"]


def test_a_site_below_a_prefix_is_left_to_django(settings: Settings) -> None:
    for forced, script in ((None, "/shop"), ("/shop", "")):
        settings.FORCE_SCRIPT_NAME = forced
        asked = environ("POST", "/api/orders", ORDER, SCRIPT_NAME=script)
        with pytest.raises(AssertionError, match="left to Django"):
            answer_of(ApiHandler(_not_to_be_asked), asked)
