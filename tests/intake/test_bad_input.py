"""Input that strangers send: each gets a clear answer, never a 500, and is stored nowhere."""

import gzip
import json
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from intake.pages.contract_form import TRAPPED
from processing.delivery import processor
from processing.models import User
from processing.sqs import entries, queues
from tests.builders import order_data
from tests.intake.clients import KEY, post
from tests.intake.public_pages import hidden_fields, order_form, queued, signup_form

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


# -- Forms --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "a\x00b",
        "\u200b\u200b",
        "\u202egnp.exe",
        "\ufffe",
        "a\r\nBcc: eve@example.com",
        "a\x1b[31m",
        "   ",
        "x" * 201,
        "e" + "\u0301" * 99,
    ],
)
def test_a_name_nobody_has_is_refused(client: Client, no_sqs: None, name: str) -> None:
    form = signup_form(client, name=name)
    assert client.post("/signups/new", form).status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "name",
    [
        "😀" * 100,
        "Z\u0351\u0346a\u035blgo",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7*7 }}",
        "${jndi:ldap://x}",
        "=HYPERLINK(1)",
        "Ko\u010dka \u0645\u0631\u062d\u0628\u0627",
    ],
)
@pytest.mark.django_db
def test_an_unusual_name_is_stored_as_text_and_shown_as_text(
    client: Client, sqs: None, name: str
) -> None:
    wrong = client.post("/signups/new", signup_form(client, name=name, email="x"))
    assert "<script>alert" not in wrong.content.decode()
    assert "<img src=x" not in wrong.content.decode()
    client.post("/signups/new", signup_form(client, name=name))
    (message,) = queues.receive("signups")
    processor.handle(message)
    assert User.objects.get().name == name


@pytest.mark.parametrize(
    ("raw", "code"), [("%ED%A0%80", 400), ("%FF", 303), ("%C0%AF", 303)]
)
def test_bytes_that_are_no_text_do_no_harm(
    client: Client, sqs: None, raw: str, code: int
) -> None:
    hidden = hidden_fields(client.get("/signups/new", follow=True))
    body = f"form_token={hidden['form_token']}&email=ada@example.com&name={raw}&complete=yes"
    assert client.post("/signups/new", body, FORM).status_code in (303, code)


@pytest.mark.parametrize(
    "email",
    [
        "a@b.co\r\nBcc: eve@example.com",
        "\u212aate@b.co",
        "x" * 321 + "@example.com",
        "a@example.com, b@example.com",
        "ada",
        "@example.com",
        "ada@",
    ],
)
def test_an_address_that_is_not_one_is_refused(
    client: Client, no_sqs: None, email: str
) -> None:
    form = signup_form(client, email=email)
    assert client.post("/signups/new", form).status_code == HTTPStatus.BAD_REQUEST


def test_an_international_domain_is_kept_in_its_ascii_form(
    client: Client, sqs: None
) -> None:
    client.post("/signups/new", signup_form(client, email="ada@bücher.example"))
    (event,) = queued("signups")
    assert event.data.reference == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "quantity",
    ["1e3", "0x10", "-0", "9" * 5000, "１２", "١", "1_0", "1.0", "0", "-1", "10001"],
)
def test_a_quantity_that_is_not_a_plain_number_is_refused(
    client: Client, no_sqs: None, quantity: str
) -> None:
    _refused_order(client, "items-0-quantity", quantity)


@pytest.mark.parametrize(
    "price",
    [
        "NaN",
        "Infinity",
        "sNaN",
        "1E+1000",
        "1e5",
        "1_0.0",
        "-0.00",
        "0",
        "0.00",
        "1.005",
    ],
)
def test_a_price_that_is_not_a_plain_amount_is_refused(
    client: Client, no_sqs: None, price: str
) -> None:
    _refused_order(client, "items-0-unit_price", price)


def _refused_order(client: Client, name: str, value: str) -> None:
    answer = client.post("/orders/new", order_form(client, **{name: value}))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert f'id="id_{name}_error"' in answer.content.decode()


@pytest.mark.parametrize("page", ["/orders/new", "/signups/new"])
def test_what_programs_fill_in_is_refused_and_people_lose_nothing(
    client: Client, no_sqs: None, page: str
) -> None:
    form = {"/orders/new": order_form, "/signups/new": signup_form}[page](client)
    refused = client.post(page, {**form, "homepage": "https://spam.example"})
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    text = refused.content.decode()
    assert TRAPPED in text
    assert form["email"] in text
    assert "spam.example" not in text


def test_too_many_fields_are_refused(client: Client, no_sqs: None) -> None:
    form = order_form(client, **{f"x{number}": "" for number in range(1001)})
    assert client.post("/orders/new", form).status_code == HTTPStatus.BAD_REQUEST


def test_a_form_above_the_limit_is_refused(client: Client, no_sqs: None) -> None:
    body = "name=" + "x" * (2 * 1024 * 1024 + 1)
    answer = client.post("/signups/new", body, FORM)
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", FORM + "; charset=x", FORM + "; charset=utf-16"],
)
def test_a_form_in_a_strange_encoding_is_refused(
    client: Client, no_sqs: None, content_type: str
) -> None:
    answer = client.generic("POST", "/signups/new", b"name=Ada", content_type)
    assert answer.status_code == HTTPStatus.BAD_REQUEST


def test_a_form_that_was_cut_off_is_not_taken_for_a_whole_one(
    client: Client, no_sqs: None
) -> None:
    form = order_form(client)
    del form["complete"]
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form.items()
    ]
    answer = client.post("/orders/new", "".join(parts), MULTIPART)
    assert answer.status_code == HTTPStatus.BAD_REQUEST


# -- JSON ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"42",
        b"null",
        b'"x"',
        b"{",
        b"{} {}",
        b"{}x",
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        gzip.compress(b"{}", mtime=0),
        "{}".encode("utf-16"),
        b"[" * 1100,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'{"a": 1, "a": 2}',
        b'{"name": "\\u0000", "email": "ada@example.com"}',
        b'{"name": "\\ud800", "email": "ada@example.com"}',
        b'{"\\ud800": 1}',
    ],
)
def test_what_is_not_one_strict_json_object_is_refused(
    client: Client, no_sqs: None, body: bytes
) -> None:
    answer = post(client, "/api/signups", body)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["detail"]


def test_a_byte_order_mark_before_the_json_is_skipped(
    client: Client, sqs: None
) -> None:
    body = b'\xef\xbb\xbf{"name": "Ada", "email": "ada@example.com"}'
    assert post(client, "/api/signups", body).status_code == HTTPStatus.ACCEPTED


@pytest.mark.parametrize(
    "change",
    [
        {"__proto__": {}},
        {"constructor": 1},
        {"_connector": "OR"},
        {"_negated": True},
        {"id__in": [1]},
        {"x" * 100_000: 1},
        {"order_id": None},
        {"items": {}},
        {"items": "x"},
        {"items": [[]]},
        {"items": [None] * 100_000},
        {"email": "x" * 1_000_000},
        {"currency": "XXX"},
        {"total": "1.00"},
        {f"x{number}": 1 for number in range(10_000)},
    ],
    ids=lambda change: next(iter(change))[:20],
)
def test_a_field_that_is_not_in_the_contract_or_not_as_it_says_is_refused(
    client: Client, no_sqs: None, change: dict[str, Any]
) -> None:
    answer = post(client, "/api/orders", order_data(**change))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert 1 <= len(answer.json()["errors"]) <= 50
    assert len(answer.content) < 20_000


@pytest.mark.parametrize(
    "quantity", ["1", 1.0, True, [], None, 0, -1, 2**31, 2**63, 10**400]
)
def test_a_quantity_of_another_type_or_size_is_refused(
    client: Client, no_sqs: None, quantity: Any
) -> None:
    _refused_item(client, "quantity", quantity)


@pytest.mark.parametrize(
    "price", [0.1 + 0.2, 4.5, "4.505", "1e2", True, [], -1, "", "4,50", " 4.50"]
)
def test_a_price_that_could_be_rounded_is_refused(
    client: Client, no_sqs: None, price: Any
) -> None:
    _refused_item(client, "unit_price", price)


def _refused_item(client: Client, name: str, value: Any) -> None:
    item = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.50", name: value}
    answer = post(client, "/api/orders", order_data(items=[item]))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    (error,) = answer.json()["errors"]
    assert error["pointer"] == f"#/items/0/{name}"


def test_data_that_looks_like_a_serialised_object_is_only_data(
    client: Client, no_sqs: None
) -> None:
    trap = {"__type__": "uuid", "__value__": "x"}
    answer = post(client, "/api/signups", {**trap, "name": "A", "email": "a@b.co"})
    assert answer.status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/plain", {}),
        ("", {}),
        ("application/json; charset=utf-7", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
        ("application/json", {"Content-Encoding": "br"}),
    ],
)
def test_anything_but_plain_json_is_an_unsupported_media_type(
    client: Client, no_sqs: None, content_type: str, headers: dict[str, str]
) -> None:
    answer = client.generic("POST", "/api/orders", b"{}", content_type, headers=headers)
    assert answer.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def test_a_body_above_the_limit_is_too_large(client: Client, no_sqs: None) -> None:
    answer = post(client, "/api/orders", b" " * (2 * 1024 * 1024 + 1))
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_an_event_that_would_not_fit_on_the_queue_is_too_large_and_not_accepted(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_MESSAGE_BYTES", 1_000)
    body = {"name": "😀" * 200, "email": "ada@example.com"}
    answer = post(client, "/api/signups", body)
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "key",
    [
        "short",
        "x" * 65,
        "with a space in it",
        "é" * 16,
        f"{KEY}, {KEY}",
        "' OR 1=1 --  ",
    ],
)
def test_a_key_of_another_form_is_refused(
    client: Client, no_sqs: None, key: str
) -> None:
    headers = {"Idempotency-Key": key}
    answer = post(client, "/api/orders", order_data(), **headers)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "16 to 64" in answer.json()["detail"]


def test_the_host_and_the_scheme_are_not_what_a_stranger_says(
    client: Client, sqs: None
) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    answer = post(client, "/api/orders", order_data(), **headers)
    assert answer.json()["statusUrl"].startswith("http://testserver/")
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_json_that_is_accepted_stands_on_the_queue_as_it_was_meant(
    client: Client, sqs: None
) -> None:
    body = {"name": "Žofie 😀", "email": "ada@example.com"}
    post(client, "/api/signups", json.dumps(body, ensure_ascii=False).encode())
    (event,) = queued("signups")
    assert event.data.model_dump(exclude_none=True) == body
