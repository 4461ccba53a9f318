"""Letters with wrong values, and the form that repairs many of them."""

import json
from typing import Any

from dlq_review.models import DeadLetter
from tests.builders import dead_letter, failure, order_data
from tests.dlq_review.desk_pages import OPERATIONS

EDIT = f"{OPERATIONS}edit/"


def wrong(**data: Any) -> DeadLetter:
    fields = {**order_data(), "currency": "euros", **data}
    fields = {name: value for name, value in fields.items() if value is not ...}
    body = json.dumps({"type": "order_created", "data": fields})
    return dead_letter(body, attributes=failure(error_type="InvalidEventError"))


def items(*skus: str) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": 2, "unit_price": "4.50"} for sku in skus]
