"""What each row of the card says of its values, and what stands beside them."""

import json
from datetime import timedelta
from typing import Any

import pytest

from dlq_review.facets import card, failing, processed, values, wrong_values
from dlq_review.facets.card import Card, Row
from dlq_review.facets.values import Facets, around
from dlq_review.facets.wrong_values import wrong_places
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter
from processing.delivery import processor
from processing.models import Outcome
from tests.builders import (
    dead_letter,
    failure,
    message,
    order_created,
    order_data,
    order_returned,
    redrive_now,
    signup_requested,
)

pytestmark = pytest.mark.django_db


def row(found: Card, path: str) -> Row:
    rows = (*found.failing, *found.rows, *found.plain, *found.alike)
    return next(one for one in rows if one.path == path)


def order(**changes: Any) -> str:
    return json.dumps({"type": "order_created", "data": {**order_data(), **changes}})


def test_of_many_values_the_commonest_are_shown_and_the_others_counted() -> None:
    wrong = ["e", "e", "f", "f", "a", "b", "c", "d", "g"]
    letters = [dead_letter(order(currency=one)) for one in wrong]
    letters.append(dead_letter(order(total="1.00")))
    found = row(card.look(letters), "data.currency")
    shown = [(one.text, one.letters) for one in found.values]
    assert shown[:2] == [("e", 2), ("f", 2)]
    assert (len(shown), found.others, found.letters) == (5, 2, 9)
    assert found.values[0].share == 2 / 9, "of the letters that are refused there"


def test_the_share_of_a_value_is_that_of_the_letters_that_could_be_read() -> None:
    told = failure(release="r7")
    letters = [dead_letter(attributes=told) for _ in "ab"] + [dead_letter("no event")]
    found = card.look(letters)
    assert row(found, "data.currency").values[0].share == 1.0
    assert row(found, "@release").values[0].share == 2 / 3


def test_the_path_that_refuses_most_letters_comes_first() -> None:
    letters = [dead_letter(order(total="1.00"))]
    letters += [dead_letter(order(currency="euros")) for _ in "ab"]
    found = card.look(letters)
    paths = [(one.path, one.letters) for one in found.failing]
    assert paths == [("data.currency", 2), ("data.total", 1)]


@pytest.mark.parametrize("number", [1, 2])
def test_what_one_letter_alone_has_is_shown_if_there_is_only_one(number: int) -> None:
    letters = [
        dead_letter(order_created(customer_id=f"C-{n}", order_id=f"ORD-{n}"))
        for n in range(number)
    ]
    found = card.look(letters)
    paths = {one.path for one in found.rows}
    assert ("data.customer_id" in paths) is (number == 1)
    assert "data.currency" in paths
    assert "data.email" in {one.path for one in found.alike}


def test_a_type_that_all_letters_have_tells_nothing() -> None:
    letters = [dead_letter(), dead_letter()]
    processor.handle(message(order_created()))
    found = card.look(letters)
    assert row(found, "type").values[0].beside == 1.0
    told = {path: row(found, path).beside for path in ("data.currency", "data.email")}
    assert told == {"data.currency": "orders", "data.email": ""}
    assert "type" in {one.path for one in found.plain}


def test_a_value_leads_to_the_letters_that_have_it() -> None:
    letters = [dead_letter(order(currency="euros", total=7)) for _ in "ab"]
    found = card.look(letters)
    conditions = {one.path: [v.condition for v in one.values] for one in found.failing}
    assert conditions["data.currency"] == ["data.currency=euros"]
    assert row(found, "data.items[*].sku").values[0].condition == (
        "data.items[*].sku=TEA-1"
    )


def test_the_rows_of_returns_stand_beside_returns() -> None:
    processor.handle(message(order_created(order_id="ORD-1")))
    processor.handle(message(order_returned(order_id="ORD-1", skus=["TEA-1"])))
    letters = [
        dead_letter(order_returned(skus=["TEA-1", "CUP-2"]), queue="returns-dlq")
        for _ in "ab"
    ]
    found = row(card.look(letters), "data.skus[*]")
    assert (found.beside, found.compared) == ("returns", 1)
    assert {one.text: one.beside for one in found.values} == {
        "TEA-1": 1.0,
        "CUP-2": 0.0,
    }


def test_the_rows_of_orders_say_what_was_ordered_of_what_and_for_how_much() -> None:
    item = {"sku": "CUP-2", "quantity": 3, "unit_price": "1.50"}
    event = order_created(order_id="ORD-9", currency="USD", items=[item])
    processor.handle(message(event))
    known = processed.processed("order_created")
    source = known.source("data.total")
    assert source is not None
    for path, value in {
        "data.order_id": "ORD-9",
        "data.customer_id": "C-17",
        "data.currency": "USD",
        "data.total": "4.50",
        "data.items[*].sku": "CUP-2",
        "data.items[*].quantity": "3",
        "data.items[*].unit_price": "1.50",
    }.items():
        assert (source.share(path, value), source.share(path, "x")) == (1.0, 0.0)
    assert source.share("data.email", "x") is None


def test_only_what_was_processed_and_is_of_the_type_is_compared() -> None:
    processor.handle(message(order_created()))
    processor.handle(message(signup_requested()))
    settlement.discard(dead_letter(), by="ada", reason="x")
    known = processed.processed("order_created")
    assert (known.looked_at, known.requests) == (3, 1)
    hour = f"{Outcome.objects.latest('at').at:%Y-%m-%dT%H}"
    assert known.share_of_hour(hour) == 1.0


def mended(*, redriven: bool, done: bool) -> DeadLetter:
    event = signup_requested(
        email=f"{redriven}-{done}@b.org", profile={"country": "DE"}
    )
    letter = dead_letter(event, queue="signups-dlq")
    if redriven:
        redrive_now(letter, by="ada")
    if done:
        processor.handle(message(event))
    DeadLetter.objects.filter(pk=letter.pk).update(state="resolved")
    return letter


@pytest.mark.parametrize("redriven", [True, False])
@pytest.mark.parametrize("done", [True, False])
def test_a_letter_was_repaired_if_it_was_redriven_and_then_processed(
    sqs: None, redriven: bool, done: bool
) -> None:
    mended(redriven=redriven, done=done)
    processor.handle(message(signup_requested(email="other@b.org")))
    source = processed.processed("signup_requested").sources[-1]
    assert source.name == "repaired letters"
    assert source.facets.letters == int(redriven and done)


def test_of_very_many_paths_some_are_left_out_and_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(values, "MOST_PATHS", 2)
    counted = Facets()
    counted.add([("a", "1", 0), ("b", "1", 0)])
    assert not counted.left_out
    counted.add([("c", "1", 0), ("a", "2", 0)])
    assert (counted.left_out, counted.letters) == (True, 2)
    assert {path: one.letters for path, one in counted.by_path.items()} == {
        "a": 2,
        "b": 1,
    }


def test_of_very_many_refused_paths_and_problems_some_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letter = dead_letter(order(currency="euros", total="1.00", customer_id="?"))
    assert len(card.look([letter]).failing) == 3
    for name in ("MOST_PATHS", "MOST_PROBLEMS"):
        with monkeypatch.context() as patch:
            patch.setattr(failing, name, 2)
            found = card.look([letter])
            assert (len(found.failing), found.refused) == (2, 1)
    with monkeypatch.context() as patch:
        patch.setattr(wrong_values, "MOST_PROBLEMS", 2)
        assert len(wrong_places([letter])) == 2


def test_attributes_are_told_apart_and_named_as_everybody_may_see_them() -> None:
    known = {
        "release": "r7",
        "attribute": {"type": "x", "shop": "Zoe", "Zoe Quill": "y"},
    }
    found = list(around(known))
    assert [one[:2] for one in found] == [
        ("@release", "r7"),
        ("@attribute.type", "x"),
        ("@attribute.shop", None),
        ('@attribute["•••"]', None),
    ]
    assert found[2][2] == hash("Zoe")


def test_the_sentence_of_a_place_says_what_all_its_letters_have_alike() -> None:
    letters = [dead_letter(order(total=one)) for one in ("1.00", "2.00")]
    items = [{"sku": "A", "quantity": 1, "unit_price": "1.00"}]
    letters.append(dead_letter(order(total="2.00", items=items)))
    (place,) = wrong_places(letters)
    assert place.message == "The items add up to ‹…›."
    assert place.values == {'"1.00"': 1, '"2.00"': 2}
    assert place.types == {"order_created"}


@pytest.mark.parametrize("minutes", [-1, 1])
def test_a_field_is_blamed_until_staff_have_edited_the_body_since(
    minutes: int,
) -> None:
    event = order_created(order_id="ORD-1")
    letter = dead_letter(event, attributes=failure(error_field="data.order_id"))
    assert [one.pointer for one in wrong_places([letter])] == ["/data/order_id"]
    last = letter.revisions.get()
    letter.revisions.create(
        number=1, body=last.body, fingerprint=last.fingerprint, by="ada"
    )
    at = letter.revisions.get(number=1).at
    DeadLetter.objects.update(
        revision=1, last_failed_at=at + timedelta(minutes=minutes)
    )
    letter.refresh_from_db()
    assert bool(wrong_places([letter])) is (minutes > 0)
