"""What strangers send costs as much more as it is longer, and no more."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client

from processing.events import envelope
from processing.events.errors import EventError
from tests.growth import LINEAR, growth
from tests.intake.clients import send
from tests.intake.public_pages import order_form, signup_form
from tests.worst_bodies import NAMES, SIZES, WORST

ADDRESSES = (
    ("POST", "/api/orders"),
    ("POST", "/api/batches"),
    *(
        pytest.param(*one, marks=pytest.mark.siege)  # read as the first is
        for one in (("POST", "/api/signups"), ("PATCH", "/api/orders/ORD-1"))
    ),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_no_body_costs_the_api_more_than_its_length(
    client: Client, no_sqs: None, method: str, path: str, name: str
) -> None:
    bodies = {size: WORST[name](size).encode() for size in SIZES}

    def call(size: int) -> None:
        answer = send(client, method, path, bodies[size])
        assert answer.status_code == 400
        assert len(answer.content) < 100_000

    assert growth(call, SIZES[0]) < LINEAR


@pytest.mark.parametrize(
    "name", ["many members", "members beside data", "many items", "a long name"]
)
def test_no_event_of_a_batch_costs_more_than_its_length(
    client: Client, no_sqs: None, name: str
) -> None:
    bodies = {size: f'{{"events":[{WORST[name](size)}, 7]}}'.encode() for size in SIZES}

    def call(size: int) -> None:
        answer = send(client, "POST", "/api/batches", bodies[size])
        assert answer.status_code in (207, 400)
        assert len(answer.content) < 100_000

    assert growth(call, SIZES[0]) < LINEAR


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("path", "form", "field"),
    [
        ("/orders/new", order_form, "email"),
        ("/orders/new", order_form, "form_token"),
        pytest.param("/orders/new", order_form, "customer_id", marks=pytest.mark.siege),
        pytest.param(
            "/orders/new", order_form, "items-0-unit_price", marks=pytest.mark.siege
        ),
        pytest.param("/signups/new", signup_form, "name", marks=pytest.mark.siege),
    ],
)
def test_no_text_costs_a_form_more_than_its_length(
    client: Client,
    no_sqs: None,
    path: str,
    form: Callable[..., dict[str, str]],
    field: str,
    name: str,
) -> None:
    filled = form(client)
    forms = {size: urlencode({**filled, field: WORST[name](size)}) for size in SIZES}

    def call(size: int) -> None:
        answer = client.post(
            path, forms[size], content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code < 500

    assert growth(call, SIZES[0]) < LINEAR


@pytest.mark.parametrize("name", NAMES)
def test_no_body_costs_the_worker_more_than_its_length(name: str) -> None:
    bodies = {size: WORST[name](size) for size in SIZES}

    def parse(size: int) -> None:
        envelope.identify(bodies[size], fallback_id="x")
        with pytest.raises(EventError):
            envelope.parse(bodies[size], fallback_id="x")

    assert growth(parse, SIZES[0]) < LINEAR
