"""Whose a request is, by what its body tells."""

import json
from typing import Any

import pytest

from dlq_review.forget.address import Address
from dlq_review.forget.ownership import owns

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.mark.parametrize(
    ("type", "data", "owned"),
    [
        ("order_created", {"email": ANN}, True),
        ("order_created", {"email": ANN.upper(), "note": BOB}, True),
        ("order_created", {"email": BOB}, False),
        ("order_created", {"email": BOB, "note": ANN}, False),
        ("order_created", {"email": "no address", "note": ANN}, True),
        ("order_created", {"note": ANN}, True),
        ("order_created", {"note": BOB}, False),
        ("order_updated", {"order_id": "ORD-1"}, True),
        ("order_updated", {"order_id": "ORD-2", "note": ANN}, False),
        ("order_eaten", {"email": ANN}, True),
        ("order_eaten", {"email": BOB}, False),
        ("order_created", ANN, True),
        ("order_created", BOB, False),
        (7, {"email": BOB, "note": ANN}, True),
        (7, {"email": BOB}, False),
    ],
)
def test_a_request_is_of_whom_it_tells_else_of_whom_it_names(
    type: Any, data: Any, owned: bool
) -> None:
    body = json.dumps({"type": type, "data": data})
    assert owns(Address(ANN), {"ORD-1"}, body) is owned
