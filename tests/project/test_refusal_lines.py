"""Each log line about an HTTP request names it by its correlation id, in both formats."""

import json
import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from intake import shared_cache
from intake.api import endpoints
from intake.api.problems import STATUS_OF
from intake.correlation import CorrelationMiddleware
from processing.delivery.error_texts import Formatter
from processing.delivery.json_lines import JSONFormatter
from tests.builders import order_data

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACED: dict[str, Any] = {
    "HTTP_TRACEPARENT": f"00-{TRACE}-b7ad6b7169203331-01",
    "HTTP_X_REQUEST_ID": "r-42",
}
KEYS = Formatter("level=%(levelname)s %(message)s")
Line = tuple[str, dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """What is logged, in both formats, formatted as each line is logged."""
    found: list[Line] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            as_json = JSONFormatter().format(record)
            found.append((KEYS.format(record), json.loads(as_json)))

    root, kept = logging.getLogger(), Kept(logging.WARNING)
    root.addHandler(kept)
    yield found
    root.removeHandler(kept)


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()
    shared_cache.forget()


class Asked(NamedTuple):
    status: int
    method: str
    path: str
    body: bytes = b""
    kind: str = JSON
    more: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    settings: dict[str, Any] = {}  # noqa: RUF012


ORDER = json.dumps(order_data()).encode()
REFUSED: dict[str, Asked] = {
    # -- the API
    "no JSON": Asked(400, "POST", "/api/orders", b"{"),
    "against the contract": Asked(400, "POST", "/api/orders", b"{}"),
    "no API key": Asked(
        401, "POST", "/api/orders", ORDER, settings={"API_KEYS": "required"}
    ),
    "no TLS": Asked(
        403, "POST", "/api/orders", ORDER, settings={"SECURE_SSL_REDIRECT": True}
    ),
    "no such address": Asked(404, "GET", "/api/nowhere"),
    "no such request": Asked(404, "GET", "/api/requests/x"),
    "another method": Asked(405, "DELETE", "/api/orders"),
    "too large": Asked(
        413, "POST", "/api/orders", ORDER, settings={"DATA_UPLOAD_MAX_MEMORY_SIZE": 9}
    ),
    "no JSON type": Asked(415, "POST", "/api/orders", ORDER, "text/plain"),
    "too much": Asked(
        429, "POST", "/api/orders", ORDER, settings={"RATE_LIMIT_REQUESTS": 0}
    ),
    "a foreign host at the API": Asked(
        400, "POST", "/api/orders", ORDER, more={"HTTP_HOST": "evil.example"}
    ),
    # -- pages
    "a form with nothing in it": Asked(400, "POST", "/orders/new", b"a=b", FORM),
    "too many fields": Asked(
        400, "POST", "/orders/new", b"&".join([b"a=b"] * 1001), FORM
    ),
    "a foreign host": Asked(400, "GET", "/", more={"HTTP_HOST": "evil.example"}),
    "a foreign host without TLS": Asked(
        400,
        "GET",
        "/",
        more={"HTTP_HOST": "evil.example"},
        settings={"SECURE_SSL_REDIRECT": True},
    ),
    "no cookie": Asked(403, "POST", "/signups/new", b"a=b", FORM),
    "no cookie at the desk": Asked(403, "POST", "/admin/login/", b"a=b", FORM),
    "no such page": Asked(404, "GET", "/nowhere"),
    "an address that looks like our lines": Asked(
        404, "GET", "/x correlation_id=forged"
    ),
    "no such file": Asked(404, "GET", "/static/nowhere.css"),
    "no such receipt": Asked(404, "GET", "/receipts/x/"),
    "another method for a page": Asked(405, "POST", "/", b"a=b", FORM),
    "another method for a file": Asked(405, "POST", "/static/site.css"),
    "too much of pages": Asked(
        429, "GET", "/orders/new", settings={"RATE_LIMIT_REQUESTS": 0}
    ),
    "too many tries": Asked(
        429, "POST", "/admin/login/", b"a=b", FORM, settings={"RATE_LIMIT_LOGINS": 0}
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_line_about_a_refused_request_names_it(
    case: str, lines: list[Line], settings: Settings
) -> None:
    asked = REFUSED[case]
    for name, value in asked.settings.items():
        setattr(settings, name, value)
    client = Client(enforce_csrf_checks="cookie" in case)
    answer = client.generic(
        asked.method, asked.path, asked.body, asked.kind, **TRACED, **asked.more
    )
    assert answer.status_code == asked.status
    named(lines, answer)


@pytest.mark.parametrize("error", STATUS_OF, ids=lambda one: one.__name__)
def test_each_line_about_an_error_of_the_api_names_the_request(
    error: type[Exception], lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever may lead to it."""
    raised = Exception.__new__(error)
    raised.__dict__.update(problems=[], headers={})

    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(endpoints, "read_object", fail)
    answer = Client().post("/api/orders", order_data(), JSON, **TRACED)
    assert answer.status_code == STATUS_OF[error]
    named(lines, answer)


@pytest.mark.parametrize("path", ["/api/orders", "/orders/new"])
def test_each_line_about_a_defect_of_ours_names_the_request(
    path: str, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(endpoints, "read_object", fail)
    monkeypatch.setattr("intake.pages.views.OrderView.form_class", fail)
    client = Client(raise_request_exception=False)
    answer = client.post(path, order_data(), JSON, **TRACED)
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    named(lines, answer)
    assert "ZeroDivisionError" in lines[0][1]["exception"]


def named(lines: list[Line], answer: Any) -> None:
    assert answer.headers["X-Request-ID"] == "r-42"
    assert lines
    for keys, fields in lines:
        line = keys.partition("\n")[0]
        assert line.endswith(f" correlation_id=r-42 trace_id={TRACE}")
        assert (fields["correlation_id"], fields["trace_id"]) == ("r-42", TRACE)


def test_a_line_names_the_request_that_its_thread_answers_and_no_earlier_one(
    lines: list[Line],
) -> None:
    logger = logging.getLogger("a.step")

    def answer(request: HttpRequest) -> HttpResponse:
        logger.warning("cache=failed")
        logger.warning("correlation_id=%s outcome=accepted", "r-1")
        return HttpResponse()

    request = RequestFactory().get("/", headers={"X-Request-ID": "r-1"})
    CorrelationMiddleware(answer)(request)
    logger.warning("beat=late")
    assert [keys.partition(" ")[2] for keys, _ in lines] == [
        "cache=failed correlation_id=r-1",
        "correlation_id=r-1 outcome=accepted",
        "beat=late",
    ]
    assert [fields.get("correlation_id") for _, fields in lines] == ["r-1", "r-1", None]
