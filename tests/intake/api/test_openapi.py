"""Requests made up from the OpenAPI document: never a 5xx, never an undocumented answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pydantic import BaseModel, ValidationError
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from processing.delivery import processor
from processing.events.contracts import Item, OrderCreated
from processing.receipts import Receipt, State
from processing.sqs import publisher
from processing.sqs.batches import Sent
from project.wsgi import application
from tests.builders import (
    message,
    order_created,
    order_data,
    order_updated,
    signup_requested,
)
from tests.intake.clients import KEY, send
from tests.kept_texts import assert_kept

schemathesis = pytest.importorskip("schemathesis")
checks = schemathesis.checks
#: Each process of a run makes these cases when it collects tests. The cases of every limit in
#: the document would take seconds, so they are of the siege.
document = schemathesis.openapi.from_wsgi(
    "/api/openapi.json",
    application,
    config=schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}}),
)


@pytest.fixture
def _open_door(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that takes everything, and no limits."""
    settings.RATE_LIMIT_REQUESTS = settings.RATE_LIMIT_SIGNUPS = 10**6
    settings.RATE_LIMIT_MAILS = 10**6
    monkeypatch.setattr(publisher, "publish", lambda event, **_: event.id)
    monkeypatch.setattr(
        publisher,
        "publish_many",
        lambda events, _: [Sent(e, "1") for e in events],
    )


@document.parametrize()  # type: ignore[untyped-decorator]  # importorskip has no types
@hypothesis_settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.django_db
@pytest.mark.usefixtures("_open_door")
def test_the_api_answers_as_its_document_says(case: Any) -> None:
    # Some rules no schema can say: a sum, a key used before. Some refusals are per item.
    beyond_the_schema = [
        checks.positive_data_acceptance,
        checks.negative_data_rejection,
    ]
    case.call_and_validate(excluded_checks=beyond_the_schema)


@pytest.mark.siege
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_open_door")
def test_every_limit_in_the_document_is_kept(
    live_server: LiveServer, tmp_path: Path
) -> None:
    url = f"{live_server.url}/api/openapi.json"
    options = ["--phases=coverage", "--generation-deterministic", "--no-color"]
    but = "--exclude-checks=positive_data_acceptance,negative_data_rejection"
    run = [sys.executable, "-m", "schemathesis.cli", "run", url, *options, but]
    ended = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def test_the_document_and_its_page_use_nothing_from_elsewhere(client: Client) -> None:
    assert client.get("/api/openapi.json").json()["openapi"].startswith("3.1")
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "http" not in page.content.decode().replace("application/json", "")


# -- What the document says ---------------------------------------------------------
OPERATIONS = {
    ("post", "/api/orders"): ("createOrder", "Orders"),
    ("patch", "/api/orders/{order_id}"): ("changeOrderStatus", "Orders"),
    ("post", "/api/signups"): ("signUp", "Sign-ups"),
    ("post", "/api/batches"): ("sendBatch", "Batches"),
    ("get", "/api/requests/{token}"): ("getStatus", "Statuses"),
}


def described(client: Client) -> dict[tuple[str, str], Any]:
    paths = client.get("/api/openapi.json").json()["paths"]
    return {
        (method, path): paths[path][method] for path in paths for method in paths[path]
    }


def valid(client: Client, schema: str, value: Any) -> bool:
    found = client.get("/api/openapi.json").json()
    where = {"$ref": f"#/components/schemas/{schema}", **found}
    return bool(jsonschema_rs.Draft202012Validator(where).is_valid(value))


def test_operations_have_the_names_that_clients_are_made_from(client: Client) -> None:
    named = {
        at: (operation["operationId"], *operation["tags"])
        for at, operation in described(client).items()
    }
    assert named == OPERATIONS


def test_what_sends_something_names_the_headers_of_a_trace(client: Client) -> None:
    found = client.get("/api/openapi.json").json()["paths"].values()
    sending = [one for path in found for method, one in path.items() if method != "get"]
    assert len(sending) == 4
    for operation in sending:
        named = {one["name"] for one in operation["parameters"]}
        assert named >= {"X-Request-ID", "traceparent", "tracestate"}


def test_the_server_is_ours(client: Client, settings: Settings) -> None:
    settings.SITE_URL = "https://shop.example.com"
    servers = client.get("/api/openapi.json").json()["servers"]
    assert servers == [{"url": "https://shop.example.com"}]


@pytest.mark.parametrize(
    "price",
    ["4.50", "0.01", "0", "0.0", "00.00", "00.10", "", "1.", "1.234", ".5", 0, 1],
)
@pytest.mark.parametrize("more", [-1, 10**9 - 1, 10**9, "999999999.99", "9" * 10, True])
def test_a_price_is_what_the_contract_takes(
    client: Client, price: Any, more: Any
) -> None:
    for value in (price, more):
        item = {"sku": "TEA-1", "quantity": 1, "unit_price": value}
        assert valid(client, "Item", item) == is_valid(Item, item), value


def is_valid(model: type[BaseModel], value: Any) -> bool:
    try:
        model.model_validate(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "order_id",
    ["A", "A/B", "A/../B", "A/", "A//B", "A/.b", "/A", "a" * 64, "a" * 65, ""],
)
def test_an_order_id_is_what_the_contract_takes(client: Client, order_id: str) -> None:
    data = order_data(order_id=order_id)
    assert valid(client, "OrderCreated", data) == is_valid(OrderCreated, data)
    assert valid(client, "OrderId", order_id) == is_valid(OrderCreated, data)


@pytest.mark.parametrize(
    ("changed", "is_taken"),
    [
        ({}, True),
        ({"key": "key-of-16-letters"}, True),
        ({"key": "key of 16 letters"}, False),
        ({"type": "signup_requested"}, False),
        ({"type": "email_requested"}, False),
        ({"data": {}}, False),
        ({"more": 1}, False),
    ],
)
def test_an_event_of_a_batch_is_one_of_ours(
    client: Client, changed: dict[str, Any], is_taken: bool
) -> None:
    event = {"type": "order_created", "data": order_data(), **changed}
    assert valid(client, "Batch", {"events": [event]}) is is_taken
    assert not valid(client, "Batch", {"events": [event], "more": 1})
    assert not valid(client, "Batch", {"events": []})


@pytest.mark.django_db
def test_every_state_is_answered_as_documented(client: Client, sqs: None) -> None:
    order = order_created()
    paid, late = (
        order_updated(order_id=order.data.reference, changed_at=at)
        for at in ("2026-11-20T10:00:00Z", "2026-11-20T09:00:00Z")
    )
    signup, waiting = signup_requested(), order_created()
    for event in (order, paid, late, signup):
        processor.handle(message(event))
    told = {}
    for event in (order, paid, late, signup, waiting):
        status = client.get(f"/api/requests/{Receipt.of(event).token}").json()
        assert valid(client, "Status", status)
        told[status["state"]] = status["made"]
    assert told["stale"] == {"order": order.data.reference, "status": "stale"}
    found = client.get("/api/openapi.json").json()["components"]["schemas"]["Status"]
    assert found["properties"]["state"]["enum"] == [*State]
    assert {"order", "status", "account"} == set(
        found["properties"]["made"]["properties"]
    )


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_keys_are_documented_where_they_are_looked_at(
    client: Client, settings: Settings, mode: str
) -> None:
    settings.API_KEYS = mode
    keys: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
    wanted = {"off": [], "optional": [{}, *keys], "required": keys}[mode]
    for (method, _), operation in described(client).items():
        assert operation["security"] == ([] if method == "get" else wanted)
        takes_keys = method != "get" and mode != "off"
        assert ("401" in operation["responses"]) == takes_keys
    found = client.get("/api/openapi.json").json()
    assert ("securitySchemes" in found["components"]) == (mode != "off")
    assert ("no authentication" in found["info"]["description"]) == (mode == "off")


def test_the_document_changes_on_purpose_only(
    client: Client, settings: Settings
) -> None:
    """Producers make their clients from it, and read in it what to do about an answer."""
    settings.API_KEYS, settings.SITE_URL = "optional", "https://shop.example.com"
    found = client.get("/api/openapi.json").json()
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    assert_kept(text, Path(__file__).with_name("openapi.json"))


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("off", "There is no authentication: anybody may send. Anybody who knows"),
        ("optional", "Producers may have API keys. Without one, anybody may send, and"),
        ("required", "Each request that sends something needs an API key."),
    ],
)
def test_the_document_tells_who_may_send(
    client: Client, settings: Settings, mode: str, told: str
) -> None:
    settings.API_KEYS = mode
    text = client.get("/api/openapi.json").json()["info"]["description"]
    assert told in text
    assert "Anybody who knows the address of a status can read it." in text
    may_change = "knows an order's id and its customer's number can change the order."
    assert (may_change in text) == (mode != "required")


@pytest.mark.usefixtures("_open_door")
@pytest.mark.django_db
def test_the_headers_of_an_answer_are_those_that_are_documented(
    client: Client,
) -> None:
    taken = send(
        client, "POST", "/api/orders", order_data(), **{"Idempotency-Key": KEY}
    )
    again = send(client, "POST", "/api/orders", b"{")
    (operation,) = (
        one for at, one in described(client).items() if at[1] == "/api/orders"
    )
    beside = {"Idempotency-Replayed"}  # of a repetition alone
    for answer in (taken, again):
        documented = operation["responses"][str(answer.status_code)]["headers"]
        for name in documented.keys() - beside:
            assert answer.headers[name]


def test_every_operation_says_that_a_foreign_host_is_refused_and_that_it_may_be_busy(
    client: Client,
) -> None:
    """A status is refused with 503 while the database holds the threads for it."""
    document = client.get("/api/openapi.json").json()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["responses"].keys() >= {"400", "503"}
