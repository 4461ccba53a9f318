"""What letters have in common, beside what was processed."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from dlq_review.facets import card, processed
from dlq_review.facets.card import Card, Row
from dlq_review.facets.values import Facets, Places
from dlq_review.letters import current_event, settlement
from dlq_review.models import DeadLetter
from dlq_review.search.selections import Selection
from processing.delivery import processor
from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event
from processing.models import Outcome
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    message,
    order_created,
    order_data,
    redrive_now,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS, html
from tests.growth import LINEAR, growth

pytestmark = pytest.mark.django_db
COMMON = f"{LIST}common/"


def wrong(currency: str = "euros", **more: Any) -> str:
    return order_created(**more).body.replace('"EUR"', json.dumps(currency))


def row(found: Card, path: str) -> Row:
    rows = (*found.failing, *found.rows, *found.plain, *found.alike)
    return next(one for one in rows if one.path == path)


def shares(found: Row) -> dict[str, tuple[int, float | None]]:
    return {one.text: (one.letters, one.beside) for one in found.values}


def test_the_refused_path_comes_first_with_its_wrong_values() -> None:
    letters = [dead_letter(wrong("euros" if n else "pounds")) for n in range(4)]
    for _ in range(2):
        processor.handle(message(order_created()))
    found = card.look(letters)
    (first,) = found.failing
    assert first.path == "data.currency"
    assert shares(first) == {"euros": (3, 0.0), "pounds": (1, 0.0)}
    assert first.message.startswith("Choose one of AUD")
    assert (found.sample, found.read, found.refused) == (4, 4, 4)
    assert "data.currency" not in [one.path for one in found.rows]


def test_the_sentence_of_a_refused_path_says_what_holds_for_all_its_letters() -> None:
    bodies = [
        order_created(items=items_at(price)).body.replace(f'"{total}"', '"1.00"')
        for price, total in (("4.50", "9.00"), ("4.50", "9.00"), ("2.00", "4.00"))
    ]
    (first,) = card.look([dead_letter(body) for body in bodies]).failing
    assert first.message == "The items add up to ‹…›."


def items_at(price: str) -> list[dict[str, Any]]:
    return [{"sku": "TEA-1", "quantity": 2, "unit_price": price}]


@pytest.mark.parametrize(
    ("data", "path", "missing", "values"),
    [
        ({"currency": None}, "data.currency", 0, {"null"}),
        ({"note": "x"}, "data.note", 0, set()),
        ({"customer_id": ...}, "data.customer_id", 1, set()),
        (
            {"items": [{"sku": "?", "quantity": 1, "unit_price": "1.00"}] * 2},
            "data.items[*].sku",
            0,
            set(),
        ),
        (
            {"items": [{"sku": "A", "quantity": 0, "unit_price": "1.00"}] * 2},
            "data.items[*].quantity",
            0,
            {"0"},
        ),
        ({"items": []}, "data.items", 0, set()),
    ],
)
def test_each_kind_of_problem_names_its_path(
    data: dict[str, Any], path: str, missing: int, values: set[str]
) -> None:
    fields = {**order_data(), **data}
    fields = {name: value for name, value in fields.items() if value is not ...}
    body = json.dumps({"type": "order_created", "data": fields})
    found = card.look([dead_letter(body)])
    refused = row(found, path)
    assert (refused.letters, refused.missing) == (1, missing)
    assert {one.text for one in refused.values} == values
    assert all(one.letters == 1 for one in refused.values)


def test_what_is_processed_stands_beside_each_value_and_ranks_it() -> None:
    letters = [dead_letter(order_created(customer_id="C-99")) for _ in range(3)]
    for number in range(4):
        event = order_created(customer_id="C-99" if number == 0 else f"C-{number}")
        processor.handle(message(event))
    found = card.look(letters)
    assert found.rows[0].path == "data.customer_id"
    assert shares(found.rows[0]) == {"C-99": (3, 0.25)}
    assert (found.rows[0].beside, found.rows[0].compared) == ("orders", 4)
    assert shares(row(found, "data.items[*].sku")) == {"TEA-1": (3, 1.0)}
    assert "data.items[*].sku" in [one.path for one in found.plain]
    assert "data.items[*].sku" not in [one.path for one in found.rows]


def test_what_can_be_compared_with_nothing_tells_half_as_much() -> None:
    """A value that all letters have stands behind one that few others have."""
    told = failure(release="r7")
    letters = [
        dead_letter(order_created(customer_id="C-99"), attributes=told) for _ in "ab"
    ]
    for number in range(4):
        ours = "C-99" if number == 0 else f"C-{number}"
        processor.handle(message(order_created(customer_id=ours)))
    found = card.look(letters)
    tells = {one.path: one.tells for one in found.rows}
    assert (tells["data.customer_id"], tells["@release"]) == (0.75, 0.5)
    paths = list(tells)
    assert paths.index("data.customer_id") < paths.index("@release")


def test_where_nothing_is_stored_nothing_is_invented() -> None:
    letters = [
        dead_letter(order_created(), attributes=failure(release="r7")) for _ in "ab"
    ]
    for letter in letters:
        failed_attempt(
            order_created(), request_id=letter.request_id, queue="orders", worker="w2"
        )
    found = card.look(letters)
    assert shares(row(found, "@release")) == {"r7": (2, None)}
    assert shares(row(found, "@worker")) == {"w2": (2, None)}
    assert shares(row(found, "data.currency")) == {"EUR": (2, None)}
    assert row(found, "data.currency").beside == ""
    assert not [one for one in found.rows if one.path.startswith("@attribute")]


def test_letters_that_were_processed_after_all_stand_for_a_type_without_rows(
    sqs: None,
) -> None:
    mended = signup_requested(profile={"country": "DE"})
    letter = dead_letter(mended, queue="signups-dlq")
    redrive_now(letter, by="ada")
    processor.handle(message(mended))
    DeadLetter.objects.filter(pk=letter.pk).update(state="resolved")
    waiting = [
        dead_letter(
            signup_requested(email=f"{n}@b.org", profile={"country": "FR"}),
            queue="signups-dlq",
        )
        for n in "ab"
    ]
    found = row(card.look(waiting), "data.profile.country")
    assert shares(found) == {"FR": (2, 0.0)}
    assert (found.beside, found.compared) == ("repaired letters", 1)


def test_of_the_letters_that_were_processed_the_newest_are_read(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for country in ("DE", "FR", "IT"):
        mended = signup_requested(profile={"country": country})
        letter = dead_letter(mended, queue="signups-dlq")
        processor.handle(message(mended))
        DeadLetter.objects.filter(pk=letter.pk).update(
            state="resolved",
            redriven_at=timezone.now(),
            last_failed_at=timezone.now() - timedelta(hours=country == "IT"),
        )
    monkeypatch.setattr(processed, "LETTERS", 1)
    waiting = dead_letter(
        signup_requested(profile={"country": "FR"}), queue="signups-dlq"
    )
    found = row(card.look([waiting]), "data.profile.country")
    assert (shares(found), found.compared) == ({"FR": (1, 1.0)}, 1)


def test_an_hour_that_the_newest_outcomes_do_not_hold_has_no_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letters = [dead_letter(), dead_letter()]
    processor.handle(message(order_created()))
    hour = row(card.look(letters), "@hour").values[0]
    assert hour.beside == 1.0
    monkeypatch.setattr(processed, "OUTCOMES", 1)
    assert row(card.look(letters), "@hour").values[0].beside is None
    Outcome.objects.update(at=timezone.now() - timedelta(days=9))
    processor.handle(message(order_created()))
    assert processed.processed("order_created").requests == 1, "the newest alone"


def test_letters_of_several_types_are_compared_with_nothing() -> None:
    found = card.look([dead_letter(), dead_letter(signup_requested())])
    assert found.processed is None
    assert all(one.beside is None for each in found.rows for one in each.values)


def test_a_body_that_cannot_be_read_is_counted_and_says_nothing() -> None:
    found = card.look([dead_letter("Dear Grace"), dead_letter("no event")])
    assert (found.sample, found.read, found.refused) == (2, 0, 0)
    found = card.look([dead_letter("no event"), dead_letter(), dead_letter("{}")])
    assert (found.sample, found.read, found.refused) == (3, 2, 1)
    assert found.unread == 0, "none was left out"
    assert card.look([dead_letter("no event")]).processed is None


SECRETS = {"email": "zquill@example.com", "name": "Zquill", "recipient": "zquill@b.org"}


@pytest.mark.parametrize("type", CONTRACTS)
@pytest.mark.parametrize("broken", [False, True])
def test_what_a_contract_does_not_declare_public_is_a_count_only(
    desk: Client, type: str, broken: bool
) -> None:
    contract = CONTRACTS[type]
    example = {**contract.example, **_personal(type)}
    for number in range(2):
        body = Event.new(contract.model_validate(example)).body
        fields = json.loads(body)
        fields["data"] |= {"Zquill note": "x", "free": f"Zquill {number}"}
        text = json.dumps(fields) if broken else body
        letter = dead_letter(text, attributes={"customer": "Zquill"})
    for url in (f"{GROUPS}{letter.group_id}/change/", f"{COMMON}?state=all"):
        page = html(desk, url)
        assert "zquill" not in page.lower()
        assert "What these have in common" in page
    found = card.look(list(DeadLetter.objects.all()))
    for name in _personal(type):
        assert row(found, f"data.{name}").values == []
        assert row(found, f"data.{name}").hidden == 1
    if broken:
        assert row(found, "data.free").hidden == 2


def test_how_many_personal_values_differ_is_told_to_those_who_may_see_them(
    desk: Client, client_of: ClientOf
) -> None:
    for order in ("ORD-1", "ORD-2"):
        letter = dead_letter(order_created(order_id=order, email="ada@example.com"))
    broken = signup_requested().body.replace("ada@example.com", "nobody")
    wrong_one = dead_letter(broken, attributes=failure(error_type="InvalidEventError"))
    viewer = client_of("view", name="bob")
    for url in (
        f"{GROUPS}{letter.group_id}/change/",
        f"{GROUPS}{wrong_one.group_id}/change/",
        f"{COMMON}?state=all",
    ):
        assert "1 different" in html(desk, url)
        shown = html(viewer, url)
        assert "What these have in common" in shown
        assert "1 different" not in shown
        assert "personal" in shown


def _personal(type: str) -> dict[str, str]:
    fields = CONTRACTS[type].model_fields
    return {name: text for name, text in SECRETS.items() if name in fields}


def test_a_value_narrows_the_list_and_begins_an_operation_on_the_same_letters(
    desk: Client,
) -> None:
    release = failure(error_type="InvalidEventError", release="r7")
    theirs = [
        dead_letter(wrong(customer_id="C-41"), attributes=release) for _ in range(2)
    ]
    dead_letter(wrong(customer_id="C-42"), attributes=release)
    for value in ("data.customer_id=C-41", "@release=r7\ndata.customer_id=C-41"):
        listed = desk.get(LIST, {"field": value}).context["cl"].result_list
        assert {one.pk for one in listed} == {one.pk for one in theirs}
        form = desk.get(f"{OPERATIONS}new/", {"field": value}).context["form"]
        assert form["field"].value() == value
        chosen = Selection(fields=value.splitlines(), masked=True)
        assert [one for page in chosen.pages() for one in page] == theirs
    page = html(desk, f"{GROUPS}{theirs[0].group_id}/change/")
    query = f"group={theirs[0].group_id}&amp;state=waiting&amp;field=data.customer_id"
    assert f'href="{LIST}?{query}%3DC-41"' in page
    assert f'href="{OPERATIONS}new/?{query}%3DC-41"' in page


def settled(letter: DeadLetter) -> None:
    settlement.resolve(letter, by="ada", reason="x")


def of_another_release(letter: DeadLetter) -> None:
    DeadLetter.objects.filter(pk=letter.pk).update(release="r8")


def older(letter: DeadLetter) -> None:
    long_ago = timezone.now() - timedelta(days=2)
    DeadLetter.objects.filter(pk=letter.pk).update(last_failed_at=long_ago)


def dear(letter: DeadLetter) -> None:
    body = wrong(customer_id="C-41", id=letter.request_id).replace("TEA-1", "CUP-2")
    letter.revisions.update(body=body)


@pytest.mark.parametrize(
    ("query", "given"),
    [
        ("field=@release=r7", of_another_release),
        ("field=data.items[0].sku=TEA-1", dear),
        ("field=@release=r7%0Adata.items[0].sku=TEA-1", dear),
        ("state=resolved", settled),
        ("since=24h", older),
        ("release=r7&since=24h", older),
    ],
)
def test_a_value_narrows_a_list_that_is_narrowed_already(
    desk: Client, query: str, given: Callable[[DeadLetter], None]
) -> None:
    now = timezone.now().isoformat()
    told = failure(error_type="InvalidEventError", release="r7", failed_at=now)
    *those, out = (
        dead_letter(wrong(customer_id=one), attributes=told)
        for one in ("C-42", "C-41", "C-41", "C-41")
    )
    for letter in those if given is settled else [out]:
        given(letter)
    (link,) = re.findall(r'<a href="([^"]*)">C-41</a>', html(desk, f"{COMMON}?{query}"))
    listed = desk.get(unescape(link)).context["cl"].result_list
    assert {one.pk for one in listed} == {one.pk for one in those[1:]}


@pytest.mark.parametrize("cursor", ["before", "after"])
def test_a_value_leads_to_the_first_page_of_a_list(desk: Client, cursor: str) -> None:
    *_, last = (dead_letter(wrong(customer_id=one)) for one in ("C-42", "C-41", "C-41"))
    place = f"{cursor}={last.last_failed_at.isoformat()}_{last.pk}"
    query = f"queue=orders&{quote(place, safe='=')}"
    links = re.findall(
        r'<a href="([^"]*)">C-4[12]</a>', html(desk, f"{COMMON}?{query}")
    )
    assert links
    for link in links:
        assert f"{cursor}=" not in unescape(link).replace("&amp;", "&")
        assert "queue=orders" in link


def test_a_list_that_an_operation_cannot_choose_offers_none(desk: Client) -> None:
    dead_letter()
    dead_letter()
    for query in ("redriven=no", "operation=1", "state=resolved"):
        assert "Act on these" not in html(desk, f"{COMMON}?{query}")
        assert "All that match…" not in html(desk, f"{LIST}?{query}")
    waiting = ("field=data.currency=EUR&state=waiting", "q=C-17&state=waiting")
    for query in ("queue=orders", *waiting):
        assert "Act on these" in html(desk, f"{COMMON}?{query}")
        assert "All that match…" in html(desk, f"{LIST}?{query}")


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("data.email=ada@example.com", "personal data"),
        ("@attribute.customer=Grace", "personal data"),
        ("@nothing=1", "personal data"),
        ("data.currency ? EUR", "is not understood"),
        ("\n".join(["data.currency=EUR"] * 11), "at most 10"),
    ],
)
def test_a_list_is_not_narrowed_by_what_nobody_may_ask_in_passing(
    desk: Client, field: str, why: str
) -> None:
    dead_letter(attributes={"customer": "Grace"})
    answer = desk.get(LIST, {"field": field})
    assert not answer.context["cl"].result_list
    assert why in answer.content.decode()
    notes = " ".join(answer.context["cl"].notes)
    assert not [name for name in ("ada@example.com", "Grace") if name in notes]


def test_whoever_may_only_look_sees_the_values_and_no_way_to_act(
    client_of: ClientOf,
) -> None:
    letters = [dead_letter(wrong()) for _ in "ab"]
    page = html(client_of("view"), f"{GROUPS}{letters[0].group_id}/change/")
    assert ">euros</a>" in page
    assert "Act on these" not in page


def test_the_page_says_how_many_letters_it_has_looked_at(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [dead_letter(wrong()) for _ in range(5)]
    monkeypatch.setattr(card, "SAMPLE", 3)
    for url in (f"{GROUPS}{letters[0].group_id}/change/", COMMON):
        assert "Of the 3 newest of 5." in html(desk, url)
    monkeypatch.setattr(card, "SAMPLE", 5)
    assert "All 5 letters." in html(desk, COMMON)


def test_bodies_that_are_long_together_are_left_out_and_the_page_says_so(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [dead_letter(wrong("€uros")) for _ in range(3)]
    size = len(wrong("€uros").encode())
    for most, left_out in ((3 * size, 0), (3 * size - 1, 1), (2 * size, 1), (0, 3)):
        monkeypatch.setattr(current_event, "MOST_READ", most)
        found = card.look(letters)
        assert (found.unread, found.read) == (left_out, 3 - left_out)
    page = html(desk, f"{GROUPS}{letters[0].group_id}/change/")
    assert "The bodies of 3 were left out, because they are long together." in page


def test_the_number_of_queries_does_not_grow_with_the_letters(
    django_assert_max_num_queries: Any,
) -> None:
    letters = [dead_letter(wrong()) for _ in range(12)]
    for some in (letters[:2], letters):
        with django_assert_max_num_queries(12):
            card.look(some)


def test_counting_costs_in_proportion_to_the_bodies() -> None:
    bodies = [wrong(customer_id=f"C-{n % 7}") for n in range(400)]

    def count(size: int) -> Facets:
        found, places = Facets(), Places()
        for body in bodies[:size]:
            found.add(places.leaves(json.loads(body)))
        return found

    assert growth(count, 100) < LINEAR
