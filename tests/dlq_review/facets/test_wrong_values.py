"""What is written in place of a wrong value, and what nobody may type unseen."""

import json

import pytest

from dlq_review.facets import wrong_values
from dlq_review.facets.wrong_values import WrongPlace, wrong_places
from tests.builders import dead_letter, order_created

QUANTITY, CURRENCY = "/data/items/*/quantity", "/data/currency"


@pytest.mark.parametrize(
    ("pointer", "text", "is_number"),
    [
        (QUANTITY, "5", True),
        (QUANTITY, "-5", True),
        (QUANTITY, "0" * 17 + "7", True),
        (QUANTITY, "9" * 18, True),
        (QUANTITY, "9" * 19, False),  # which a database has no room for
        (QUANTITY, "1.5", False),
        (QUANTITY, "--5", False),
        (QUANTITY, "", False),
        (QUANTITY, "\u0665", False),
        (QUANTITY, "\u00b2", False),
        (CURRENCY, "5", False),
    ],
)
def test_a_whole_number_is_written_as_one_where_the_contract_takes_one(
    pointer: str, text: str, *, is_number: bool
) -> None:
    place = WrongPlace(pointer, types={"order_created"})
    written = json.loads(place.written(text))
    assert written == (int(text) if is_number else text)


@pytest.mark.parametrize("types", [{"order_created", "order_returned"}, {"unheard of"}])
def test_where_the_letters_have_no_one_contract_a_number_is_a_text(
    types: set[str],
) -> None:
    place = WrongPlace(QUANTITY, types=types)
    assert (place.written("5"), place.choices, place.computed) == ('"5"', (), [])


@pytest.mark.django_db
def test_so_many_places_are_named_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    body = order_created().body.replace('"EUR"', '"euros"').replace("TEA-1", "?")
    assert len(wrong_places([dead_letter(body)])) == 2
    monkeypatch.setattr(wrong_values, "MOST_PLACES", 1)
    assert len(wrong_places([dead_letter(body)])) == 1
