import re

import pytest

from intake import request_ids
from intake.request_ids import BadKeyError
from processing.events.contracts import OrderCreated, SignupRequested
from processing.events.envelope import is_request_id
from tests.builders import order_data

KEY = "4f9d2c1e-aaaa-bbbb-cccc-0123456789ab"


def test_the_same_key_brings_the_same_request_id_bare_or_quoted() -> None:
    bare = request_ids.from_key(OrderCreated, order_data(), KEY)
    quoted = request_ids.from_key(OrderCreated, order_data(), f'"{KEY}"')
    assert bare == quoted
    assert is_request_id(bare)


def test_a_key_is_independent_for_another_customer_and_for_another_type() -> None:
    ids = {
        request_ids.from_key(OrderCreated, order_data(), KEY),
        request_ids.from_key(OrderCreated, order_data(customer_id="C-18"), KEY),
        request_ids.from_key(SignupRequested, order_data(), KEY),
        request_ids.from_key(SignupRequested, {"email": "ada@example.com"}, KEY),
        request_ids.from_key(SignupRequested, {"email": "eve@example.com"}, KEY),
    }
    assert len(ids) == 5


def test_without_a_key_every_request_is_another() -> None:
    ids = {request_ids.from_key(OrderCreated, {}, None) for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a" * 15,
        "a" * 65,
        "with some spaces in it",
        "schlüssel-schlüssel",
        f'"{KEY}',
        f"{KEY},{KEY}",
        "'; DROP TABLE orders;--",
        f"{KEY}\n",
    ],
)
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(BadKeyError):
        request_ids.from_key(OrderCreated, {}, key)


def test_a_form_sent_twice_is_one_request_and_a_changed_one_is_another() -> None:
    twice = {
        request_ids.from_form(OrderCreated, {"sku": "TEA-1"}, "nonce") for _ in "12"
    }
    changed = request_ids.from_form(OrderCreated, {"sku": "TEA-2"}, "nonce")
    reopened = request_ids.from_form(OrderCreated, {"sku": "TEA-1"}, "other")
    assert len(twice) == 1
    assert len({*twice, changed, reopened}) == 3


def test_an_order_without_an_id_gets_one_that_no_other_request_has() -> None:
    given = {
        request_ids.filled(OrderCreated, {}, f"r-{number}")["order_id"]
        for number in range(2000)
    }
    assert len(given) == 2000
    assert all(re.fullmatch("ORD-[A-Z2-7]{10}", one) for one in given)
