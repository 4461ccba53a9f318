import json
from typing import Any

import pytest

from processing.events import envelope
from processing.events.errors import InvalidEventError
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


def parsed(**changes: Any) -> envelope.Event:
    return envelope.parse(cloud_event(**changes), fallback_id="message-1")


def test_a_cloud_event_is_read_as_the_event_it_carries() -> None:
    event = parsed(correlationid="req-42", subject="x", dataschema="y")
    assert event.type == "order_created"
    assert event.data.reference == "ORD-1"
    assert event.correlation_id == "req-42"
    assert event.timestamp.isoformat() == "2026-11-20T10:00:00+00:00"


def test_its_source_and_id_together_are_its_request_id() -> None:
    assert parsed().id == parsed(time=None).id
    assert len({parsed().id, parsed(source="/other").id, parsed(id="2").id}) == 3
    identity = envelope.identify(cloud_event(), fallback_id="message-1")
    assert identity.request_id == parsed().id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"source": None}, "source"),
        ({"id": ""}, "id"),
        ({"type": 7}, "type"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"datacontenttype": 7}, "datacontenttype"),
        ({"data": None, "data_base64": "e30="}, "data_base64"),
    ],
)
def test_a_cloud_event_that_cannot_be_read_says_why(
    change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        parsed(**change)
    assert caught.value.problems[0].field == field
    known = envelope.identify(cloud_event(**change), fallback_id="message-1")
    named = not {"id", "source"} & change.keys()
    assert known.request_id == (parsed().id if named else "message-1")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        " Application/JSON ; charset=utf-8",
        "text/json",
        "application/cloudevents+json",
        "application/vnd.shop.v1+json; charset=utf-8",
        None,
    ],
)
def test_json_is_read_under_any_of_its_names(content_type: str | None) -> None:
    assert parsed(datacontenttype=content_type).data.reference == "ORD-1"


@pytest.mark.parametrize(
    "content_type",
    ["", "json", "application/json5", "application/xml+jsonx", "text/plain", "+json"],
)
def test_what_is_not_json_is_refused_by_its_name(content_type: str) -> None:
    with pytest.raises(InvalidEventError):
        parsed(datacontenttype=content_type)


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "x" * 100_000])
def test_an_odd_source_or_id_never_stops_the_reader(odd: str) -> None:
    assert parsed(id=odd).id == parsed(id=odd).id != parsed().id
    assert envelope.is_request_id(parsed(source=odd).id)
