"""What holds for the API holds at each of its endpoints."""

import io
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.wsgi import get_wsgi_application
from django.test import Client
from pytest_django import Settings

from intake.api.endpoints import api
from intake.web.bodies import Body, Refused, cut_off
from tests.builders import order_data
from tests.intake.clients import post, send
from tests.intake.endpoints import CHANGE, EVERY, STATUS, TAKING, body_of
from tests.intake.public_pages import hidden_fields, queued, signup_form

Endpoint = tuple[str, str]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LARGEST = 2 * 1024 * 1024
every_taking = pytest.mark.parametrize(
    "endpoint", TAKING, ids=lambda endpoint: endpoint[1]
)
every_endpoint = pytest.mark.parametrize(
    "endpoint", EVERY, ids=lambda endpoint: endpoint[1][:20]
)


application = get_wsgi_application()


def assert_problem(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    for word in words:
        assert word in answer.json()["detail"]


def test_the_tables_hold_every_endpoint_of_the_document() -> None:
    documented = {
        (method.upper(), re.sub("{.*}", "", path))
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
    }
    known = [*TAKING, ("GET", STATUS)]
    here = {
        (method, re.sub("(orders|requests)/.*", r"\1/", path)) for method, path in known
    }
    assert documented == here


# -- A body of no stated length -----------------------------------------------------
def whole(body: bytes) -> Body:
    return Body(io.BytesIO(body), len(body))


def too_large() -> Body:
    return Body(Refused(RequestDataTooBig()), LARGEST + 1)


def chunked(
    method: str, path: str, body: Body, content_type: str = JSON, cookie: str = ""
) -> tuple[int, str]:
    """The status and text of the answer to *body*, as the web server hands it over."""
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": content_type,
        "HTTP_COOKIE": cookie,
        "CONTENT_LENGTH": str(body.length),
        "wsgi.url_scheme": "http",
        "wsgi.input": body.stream,
    }
    start: Any = lambda status, _: answered.append(status)  # noqa: E731
    answer = application(environ, start)
    return int(answered[0][:3]), b"".join(answer).decode()


@pytest.mark.django_db
@every_taking
def test_a_body_in_chunks_is_taken(sqs: None, endpoint: Endpoint) -> None:
    status, _ = chunked(*endpoint, whole(body_of(endpoint)))
    assert status in (HTTPStatus.ACCEPTED, HTTPStatus.MULTI_STATUS)
    assert len(queued("orders") + queued("signups")) == 1


@pytest.mark.django_db
@every_taking
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (too_large, 413, "2,097,152 bytes"),
        (lambda: whole(b" " * LARGEST), 400, "Not JSON"),
        (lambda: whole(b""), 400, "no body"),
        (lambda: whole(b"{"), 400, "Not JSON"),
        (cut_off, 400, "cut off"),
        (lambda: Body(Refused(OSError("reset")), 9), 400, "cut off"),
    ],
    ids=["too large", "just not too large", "empty", "no JSON", "torn", "reset"],
)
def test_a_body_in_chunks_that_is_wrong_is_refused(
    no_sqs: None,
    endpoint: Endpoint,
    body: Callable[[], Body],
    status: int,
    said: str,
) -> None:
    answer = chunked(*endpoint, body())
    assert answer[0] == status
    assert said in answer[1]
    assert "settings" not in answer[1]


@pytest.mark.django_db
def test_a_form_in_chunks_is_taken_and_a_torn_one_is_refused(
    client: Client, sqs: None
) -> None:
    form = signup_form(client)
    cookie = client.cookies["csrftoken"].value
    body = urlencode({**form, "csrfmiddlewaretoken": cookie}).encode()
    sent = {"content_type": FORM, "cookie": f"csrftoken={cookie}"}
    assert chunked("POST", "/signups/new", whole(body), **sent)[0] == 303
    assert len(queued("signups")) == 1
    assert chunked("POST", "/signups/new", cut_off(), **sent)[0] == 400


# -- Bodies of a stated length ------------------------------------------------------
@every_taking
@pytest.mark.parametrize("content_type", [JSON, "", "text/plain"])
def test_a_missing_body_is_called_missing(
    client: Client, no_sqs: None, endpoint: Endpoint, content_type: str
) -> None:
    answer = client.generic(*endpoint, b"", content_type)
    assert_problem(answer, HTTPStatus.BAD_REQUEST, "no body")


@every_taking
def test_a_body_that_is_too_large_is_told_how_much_it_may_be(
    client: Client, no_sqs: None, endpoint: Endpoint
) -> None:
    answer = client.generic(*endpoint, b" " * (LARGEST + 1), JSON)
    assert_problem(answer, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "2,097,152 bytes")
    assert "DATA_UPLOAD" not in answer.content.decode()


# -- HEAD ---------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("path", [STATUS, "/api/openapi.json", "/api/docs"])
def test_head_is_answered_like_get(client: Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code == HTTPStatus.OK
    for name in ("Content-Type", "Content-Length", "Retry-After", "Cache-Control"):
        assert head.headers.get(name) == got.headers.get(name)
    assert not head.content


@every_taking
def test_head_is_not_allowed_where_get_is_not(
    client: Client, no_sqs: None, endpoint: Endpoint
) -> None:
    answer = client.head(endpoint[1])
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert answer.headers["Allow"] == endpoint[0]


def test_what_allows_get_says_that_it_allows_head(client: Client) -> None:
    answer = client.post(STATUS)
    assert_problem(answer, HTTPStatus.METHOD_NOT_ALLOWED)
    assert answer.headers["Allow"] == "GET, HEAD"


# -- TLS ----------------------------------------------------------------------------
@pytest.fixture
def behind_tls(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@every_endpoint
def test_without_tls_a_call_is_refused_not_redirected(
    behind_tls: None, no_sqs: None, endpoint: Endpoint
) -> None:
    answer = Client().generic(*endpoint, body_of(endpoint), JSON)
    assert_problem(answer, HTTPStatus.FORBIDDEN, "https")
    assert "Location" not in answer.headers


@pytest.mark.django_db
@every_endpoint
def test_with_tls_a_call_is_taken(
    behind_tls: None, sqs: None, endpoint: Endpoint
) -> None:
    secure = {"X-Forwarded-Proto": "https"}
    answer = Client().generic(*endpoint, body_of(endpoint), JSON, headers=secure)
    assert answer.status_code < HTTPStatus.MULTIPLE_CHOICES


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/docs/x"])
def test_without_tls_an_unknown_address_is_refused_too(
    behind_tls: None, path: str
) -> None:
    assert_problem(Client().post(path), HTTPStatus.FORBIDDEN, "https")


@pytest.mark.parametrize("path", ["/api/docs", "/", "/apis", "/admin/"])
def test_pages_for_people_are_redirected_to_tls(behind_tls: None, path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == HTTPStatus.MOVED_PERMANENTLY
    assert answer.headers["Location"] == f"https://testserver{path}"


# -- Order ids ----------------------------------------------------------------------
WAYS_ELSEWHERE = ["A/../B", "A/..", "A/./B", "A/.", "A//B", "A/", "A/B/", "A/.../B"]


@pytest.mark.parametrize("order_id", WAYS_ELSEWHERE)
def test_no_door_takes_an_order_id_that_is_a_way_to_another(
    client: Client, no_sqs: None, order_id: str
) -> None:
    data = order_data(order_id=order_id)
    assert_problem(post(client, "/api/orders", data), HTTPStatus.BAD_REQUEST)
    answer = send(client, "PATCH", f"/api/orders/{order_id}", CHANGE)
    assert_problem(answer, HTTPStatus.BAD_REQUEST)
    assert answer.json()["errors"][0]["pointer"] == "#/order_id"
    quoted = f"/api/orders/{quote(order_id, safe='')}"
    assert_problem(send(client, "PATCH", quoted, CHANGE), HTTPStatus.BAD_REQUEST)
    changes = [{"type": "order_updated", "data": {**CHANGE, "order_id": order_id}}]
    events = [{"type": "order_created", "data": data}, *changes]
    batch = post(client, "/api/batches", {"events": events})
    assert [result["status"] for result in batch.json()["results"]] == [400, 400]
    form = {"order_id": order_id, "customer_id": "C-17", "status": "paid"}
    hidden = hidden_fields(client.get("/orders/change", follow=True))
    page = client.post("/orders/change", {**hidden, **form})
    assert page.status_code == HTTPStatus.BAD_REQUEST
    assert 'id="id_order_id_error"' in page.content.decode()


@pytest.mark.parametrize(
    "order_id", ["A/B", "A/b.c", "A/.b", "A..B", "A/..b", "7", "A."]
)
def test_other_order_ids_with_a_slash_or_a_dot_are_taken(
    client: Client, sqs: None, order_id: str
) -> None:
    answer = send(client, "PATCH", f"/api/orders/{order_id}", CHANGE)
    assert answer.status_code == HTTPStatus.ACCEPTED
    (event,) = queued("orders")
    assert event.data.reference == order_id
