"""Filling in the form in which one letter is edited."""

import json
from typing import Any

from django.test import Client

from dlq_review.letters import current_event
from dlq_review.models import DeadLetter
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.desk_pages import page

WRONG = order_created(order_id="ORD-1").body.replace('"EUR"', '"euros"')


def wrong_order() -> DeadLetter:
    told = failure(error_text="Choose one of AUD.", error_type="InvalidEventError")
    return dead_letter(WRONG, attributes=told)


def sent(**changes: Any) -> dict[str, Any]:
    return {"based_on": 0, "patch": "", "reason": "repaired", **changes}


def data(letter: DeadLetter) -> dict[str, Any]:
    letter.refresh_from_db()
    found: dict[str, Any] = json.loads(current_event.current(letter).body)["data"]
    return found


def post(client: Client, letter: DeadLetter, form: dict[str, Any]) -> str:
    answer = client.post(page(letter, "edit"), form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()
