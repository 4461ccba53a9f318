import json
from typing import Any

import pytest

from processing import events
from processing.event_errors import InvalidEventError
from tests.builders import order_data


def cloud_event(**changes: Any) -> str:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "com.example.order_created",
        "time": "2026-11-20T10:00:00Z",
        "data": order_data(order_id="ORD-1"),
        **changes,
    }
    return json.dumps({k: v for k, v in event.items() if v is not None})


def parsed(**changes: Any) -> events.Event:
    return events.parse(cloud_event(**changes), fallback_id="message-1")


def test_a_cloud_event_is_read_as_the_event_it_carries() -> None:
    event = parsed(correlationid="req-42", subject="x", dataschema="y")
    assert event.type == "order_created"
    assert event.data.reference == "ORD-1"
    assert event.correlation_id == "req-42"
    assert event.timestamp.isoformat() == "2026-11-20T10:00:00+00:00"


def test_its_source_and_id_together_are_its_request_id() -> None:
    assert parsed().id == parsed(time=None).id
    assert len({parsed().id, parsed(source="/other").id, parsed(id="2").id}) == 3
    identity = events.identify(cloud_event(), fallback_id="message-1")
    assert identity.request_id == parsed().id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"source": None}, "source"),
        ({"id": ""}, "id"),
        ({"type": 7}, "type"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"data": None, "data_base64": "e30="}, "data"),
    ],
)
def test_a_cloud_event_that_cannot_be_read_says_why(
    change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        parsed(**change)
    assert caught.value.problems[0].field == field
    assert events.identify(cloud_event(**change), fallback_id="message-1")
