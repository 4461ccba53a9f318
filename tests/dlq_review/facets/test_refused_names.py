"""The names of refused fields, which their sender chose and which may name a person."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from dlq_review.facets import card
from processing.events.contracts import CONTRACTS
from tests.builders import dead_letter
from tests.dlq_review.desk_pages import GROUPS, html

pytestmark = pytest.mark.django_db


def in_sns(type: str, data: dict[str, Any]) -> dict[str, Any]:
    event = json.dumps({"type": type, "data": data})
    return {"Type": "Notification", "MessageId": "m-1", "Message": event}


def in_event_bridge(type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": "m-1", "detail-type": type, "detail": data}


def plain(type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": type, "data": data}


@pytest.mark.parametrize("envelope", [plain, in_sns, in_event_bridge])
@pytest.mark.parametrize(
    ("type", "changes", "path"),
    [
        ("order_created", {"Zoe Quill": 1}, 'data["•••"]'),
        ("order_created", {"items": [{"Zoe Quill": 1}]}, 'data.items[*]["•••"]'),
        ("order_created", {"items": [{}]}, "data.items[*].sku"),
        ("signup_requested", {"profile": {"Zoe Quill": 1}}, 'data.profile["•••"]'),
        ("email_requested", {"context": {"Zoe Quill": 1}}, 'data.context["•••"]'),
    ],
)
def test_a_refused_name_that_may_be_personal_is_masked_in_any_envelope(
    desk: Client,
    type: str,
    changes: dict[str, Any],
    path: str,
    envelope: Callable[[str, dict[str, Any]], dict[str, Any]],
) -> None:
    body = json.dumps(envelope(type, {**CONTRACTS[type].example, **changes}))
    letter = dead_letter(body)
    assert path in [one.path for one in card.look([letter]).failing]
    assert "Quill" not in html(desk, f"{GROUPS}{letter.group_id}/change/")
