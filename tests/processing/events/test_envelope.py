import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from processing.events.contracts import (
    CONTRACTS,
    EmailRequested,
    OrderCreated,
    SignupRequested,
)
from processing.events.envelope import identify, parse
from processing.events.errors import (
    EventError,
    InvalidEventError,
    UnknownEventTypeError,
    UnreadableEventError,
    problems_in,
)
from processing.sqs.topology import EVENT_QUEUES
from tests.builders import order_created, order_data, order_updated, signup_requested


def problems(contract: Any, data: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        contract.model_validate(data)
    return {problem.field: problem.message for problem in problems_in(caught.value)}


@pytest.mark.parametrize(
    "event", [order_created(), order_updated(), signup_requested()]
)
def test_an_event_reads_back_from_its_body_unchanged(event: Any) -> None:
    again = parse(event.body, fallback_id="unused")
    assert again == event
    assert again.fingerprint == event.fingerprint


def test_the_body_is_plain_json_with_its_envelope() -> None:
    body = json.loads(order_created(order_id="ORD-1").body)
    assert set(body) == {"id", "type", "timestamp", "correlation_id", "data"}
    assert body["type"] == "order_created"
    assert body["data"]["items"] == [
        {"sku": "TEA-1", "quantity": 2, "unit_price": "4.50"}
    ]
    assert body["data"]["total"] == "9.00"


def test_every_contract_names_a_declared_queue() -> None:
    assert {contract.queue for contract in CONTRACTS.values()} == set(EVENT_QUEUES)


def test_a_producer_may_leave_out_everything_but_type_and_data() -> None:
    body = json.dumps({"type": "order_created", "data": order_data()})
    event = parse(body, fallback_id="message-7")
    assert event.id == event.correlation_id == "message-7"


def test_the_fingerprint_is_of_what_is_asked_for_not_of_when() -> None:
    data = order_data()
    first, second = order_created(**data), order_created(**data)
    assert first.id != second.id
    assert first.fingerprint == second.fingerprint
    assert (
        first.fingerprint != order_created(**{**data, "customer_id": "C-2"}).fingerprint
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", UnreadableEventError),
        ("plain text", UnreadableEventError),
        ('{"invalid_json": "this will cause a parsing error"', UnreadableEventError),
        ("[1, 2]", UnreadableEventError),
        ("null", UnreadableEventError),
        ("{}", UnreadableEventError),
        ('{"type": 7}', UnreadableEventError),
        ('{"type": {}}', UnreadableEventError),
        ('{"type": "order_created", "type": "order_created"}', UnreadableEventError),
        ('{"type": "order_created", "data": {"total": NaN}}', UnreadableEventError),
        ("[" * 3000, UnreadableEventError),
        ('{"data": ' + "1" * 5000 + "}", UnreadableEventError),
        ('{"type": "FeatureCollection", "properties": {}}', UnknownEventTypeError),
        ('{"type": "nope", "data": {}}', UnknownEventTypeError),
        ('{"type": "order_created"}', InvalidEventError),
        ('{"type": "order_created", "data": []}', InvalidEventError),
        ('{"type": "order_created", "data": {}, "surprise": 1}', InvalidEventError),
    ],
)
def test_what_is_not_an_event_is_refused_with_a_reason(
    body: str, error: type[EventError]
) -> None:
    with pytest.raises(error) as caught:
        parse(body, fallback_id="m")
    assert str(caught.value)


def test_all_problems_of_envelope_and_data_are_named_at_once() -> None:
    body = json.dumps({"id": 5, "type": "order_created", "data": {"items": []}, "x": 1})
    with pytest.raises(InvalidEventError) as caught:
        parse(body, fallback_id="m")
    fields = {problem.field for problem in caught.value.problems}
    assert {"id", "x", "data.order_id", "data.items"} <= fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order_id": ""}, "order_id"),
        ({"order_id": "no spaces"}, "order_id"),
        ({"order_id": "x" * 65}, "order_id"),
        ({"order_id": 7}, "order_id"),
        ({"email": "not an address"}, "email"),
        ({"email": "a@b.co,c@d.co"}, "email"),
        ({"email": "a@b.co\r\nBcc: x@y.z"}, "email"),
        ({"email": "\u212aate@b.co"}, "email"),
        ({"email": "x" * 250 + "@b.co"}, "email"),
        ({"currency": "XXX"}, "currency"),
        ({"items": []}, "items"),
        ({"items": [order_data()["items"][0]] * 101}, "items"),
        ({"items": "TEA-1"}, "items"),
        ({"total": "9.01"}, "total"),
        ({"total": 9.0}, "total"),
        ({"password": "secret"}, "password"),
        ({"is_staff": True}, "is_staff"),
    ],
)
def test_an_order_is_refused_with_the_field_named(
    changes: dict[str, Any], field: str
) -> None:
    assert field in problems(OrderCreated, order_data(**changes))


@pytest.mark.parametrize("quantity", [0, -1, 1.0, "1", True, None, 10_001, 2**63])
def test_a_quantity_is_a_whole_number_from_1(quantity: object) -> None:
    item = {"sku": "TEA-1", "quantity": quantity, "unit_price": "1.00"}
    assert "items.0.quantity" in problems(OrderCreated, order_data(items=[item]))


@pytest.mark.parametrize(
    "price",
    [
        0.1,
        float("nan"),
        True,
        None,
        "",
        "0.00",
        "-1",
        "1e5",
        "1_0",
        "١",
        "NaN",
        "1.001",
        "1" * 10,
    ],
)
def test_a_price_is_never_a_float_nor_anything_but_plain_digits(price: object) -> None:
    item = {"sku": "TEA-1", "quantity": 1, "unit_price": price}
    assert "items.0.unit_price" in problems(OrderCreated, order_data(items=[item]))


def test_the_total_is_computed_and_a_given_one_checked() -> None:
    items = [
        {"sku": "A", "quantity": 3, "unit_price": "0.10"},
        {"sku": "B", "quantity": 1, "unit_price": 2},
    ]
    assert OrderCreated.model_validate(order_data(items=items)).total == Decimal("2.30")
    assert OrderCreated.model_validate(order_data(items=items, total="2.30"))
    found = problems(OrderCreated, order_data(items=items, total="2.31"))
    assert found["total"] == "The items add up to 2.30."


def test_a_sum_beyond_what_money_holds_is_refused() -> None:
    items = [{"sku": "A", "quantity": 10_000, "unit_price": "999999999.99"}]
    assert "total" in problems(OrderCreated, order_data(items=items))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\u200b\u200b",
        "\u0301\u0301",
        "a\x00b",
        "a\nb",
        "\u202eabc",
        "\ud800",
        "\ufffe",
        "x" * 201,
        7,
    ],
)
def test_a_name_is_one_visible_line(name: object) -> None:
    assert "name" in problems(SignupRequested, {"email": "a@b.co", "name": name})


@pytest.mark.parametrize("name", ["Zoë", "李雷", "O'Brien", "<script>", "👩\u200d🔬"])
def test_names_of_people_are_accepted(name: str) -> None:
    assert SignupRequested(email="a@b.co", name=name).name == name


def test_one_mailbox_has_one_spelling() -> None:
    assert SignupRequested(email=" Ada@Exämple.COM ", name="Ada").email == (
        "ada@xn--exmple-cua.com"
    )


def test_a_mail_is_a_template_or_a_text_never_both_nor_neither() -> None:
    assert EmailRequested(recipient="a@b.co", subject="Hello", body="You.")
    assert EmailRequested(recipient="a@b.co", template="verify_email")
    problems(EmailRequested, {"recipient": "a@b.co"})
    problems(EmailRequested, {"recipient": "a@b.co", "subject": "only"})
    problems(
        EmailRequested,
        {
            "recipient": "a@b.co",
            "template": "verify_email",
            "subject": "s",
            "body": "b",
        },
    )


def test_errors_never_repeat_what_was_written() -> None:
    with pytest.raises(InvalidEventError) as caught:
        parse(
            '{"type": "order_created", "data": {"email": "secret-canary"}}',
            fallback_id="m",
        )
    assert "secret-canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "request_id", "reference"),
    [
        ("not json", "fallback", ""),
        ('{"id": "r-1", "data": {"order_id": "O-1"}}', "r-1", "O-1"),
        ('{"id": "not an id", "data": 5}', "fallback", ""),
        ('{"id": null, "data": {"email": "a@b.co"}}', "fallback", "a@b.co"),
        ('{"id": ["x"], "data": {"order_id": {}}}', "fallback", ""),
        (
            '{"type": "signup_requested", "data": {"order_id": "Ada", "email": "a@b.co"}}',
            "fallback",
            "a@b.co",
        ),
        (
            '{"type": "order_created", "data": {"email": "a@b.co"}}',
            "fallback",
            "a@b.co",
        ),
        ('{"type": "order_updated", "data": {"email": "a@b.co"}}', "fallback", ""),
        (
            f'{{"data": {{"email": "{"a" * 249}@b.co"}}}}',
            "fallback",
            "a" * 249 + "@b.co",
        ),
        (f'{{"data": {{"email": "{"a" * 250}@b.co"}}}}', "fallback", ""),
    ],
)
def test_identify_says_what_can_be_known(
    body: str, request_id: str, reference: str
) -> None:
    found = identify(body, fallback_id="fallback")
    assert (found.request_id, found.reference) == (request_id, reference)
