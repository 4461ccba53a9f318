"""The card shows the very values that a masked body shows."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from dlq_review.bodies.field_conditions import text_of
from dlq_review.facets.values import MOST_LEAVES, Facets, Places
from processing.events.contracts import CONTRACTS
from processing.events.masking import mask_body
from tests.builders import order_data

ORDER = order_data()


def order(**more: Any) -> str:
    return json.dumps({"type": "order_created", "data": {**ORDER, **more}})


BODIES = {
    **{
        type: json.dumps({"type": type, "data": contract.example})
        for type, contract in CONTRACTS.items()
    },
    "a name in a public field": order(order_id="Ada Lovelace"),
    "a public field that is too long": order(order_id="A" * 65),
    "an address as the name of a field": order(**{"ada@x.org": {"ada@y.org": "Ada"}}),
    "an object where an id is expected": order(order_id={"name": "Ada", "id": "A"}),
    "a list where an id is expected": order(order_id=["Ada", ["Byron"]]),
    "an object where a list is expected": order(items={"sku": "Ada"}),
    "nothing": order(currency=None, note=None, items=[], more={}),
    "numbers": order(total=1.5, items=[{"quantity": 2, "sku": True}], note=1852),
    "an event in a text": json.dumps(
        {"Type": "Notification", "MessageId": "m", "Message": order(note="Ada")}
    ),
    "a public event in a text": json.dumps(
        {"message": json.dumps({"type": "order_created", "data": {"total": "1.00"}})}
    ),
    "a text that only begins like an event": order(note="{Ada"),
    "an event of EventBridge": json.dumps(
        {"detail-type": "order_created", "detail": {"order_id": "A-1", "email": "Ada"}}
    ),
    "a CloudEvent": json.dumps(
        {"type": "org.x.order_created", "data": {"order_id": "A-1", "note": "Ada"}}
    ),
    "an unknown type": json.dumps({"type": "Ada", "data": {"order_id": "A-1"}}),
    "types that are none": json.dumps({"type": ["order_created"], "data": ORDER}),
    "a list of events": json.dumps([{"type": "order_created", "data": ORDER}, "Ada"]),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_value_is_shown_where_the_masked_body_shows_it_and_nowhere_else(
    what: str,
) -> None:
    document, masked = json.loads(BODIES[what]), json.loads(mask_body(BODIES[what]))
    expected = [
        one if one == other and type(one) is type(other) else None
        for one, other in zip(flat(document), flat(masked), strict=True)
    ]
    leaves = Places().leaves(document)
    assert [text for _, text, _ in leaves] == [
        one if one is None else text_of(one) or json.dumps(one) for one in expected
    ]
    assert [path for path, *_ in leaves] == [
        path for path, *_ in Places().leaves(masked)
    ]


def flat(document: Any) -> Iterator[Any]:
    """What a document holds that is no object or list, or an empty one; null is text."""
    if document and isinstance(document, dict | list):
        parts = document.values() if isinstance(document, dict) else document
        yield from chain.from_iterable(map(flat, parts))
    else:
        yield "null" if document is None else document


def test_places_that_were_seen_before_show_no_more_of_the_next_document() -> None:
    places = Places()
    for _ in range(2):
        for body in BODIES.values():
            again = places.leaves(json.loads(body))
            assert again == Places().leaves(json.loads(body))


def test_a_body_has_so_many_leaves_at_most() -> None:
    wide = {
        "type": "order_created",
        "data": [{"a": [n, n]} for n in range(MOST_LEAVES)],
    }
    assert len(Places().leaves(wide)) == MOST_LEAVES


def test_a_letter_counts_once_for_a_path_and_once_for_each_of_its_values() -> None:
    counted = Facets()
    for skus in (["A", "B", "A"], ["B"]):
        counted.add(("data.items[*].sku", sku, hash(sku)) for sku in skus)
    counted.add([("data.note", "x", 1)])
    found = counted.by_path["data.items[*].sku"]
    assert (counted.letters, found.letters) == (3, 2)
    assert found.values == {"A": 1, "B": 2}
