"""What a page tells of a body that is too much for a page."""

import re

import pytest
from django.test import Client

from dlq_review.bodies.formatting import LONGEST_SHOWN
from dlq_review.desk.request_summary import Field, asked
from dlq_review.search.veil import MOST_MASKED, Bare, Masked
from processing.events.masking import MASK
from tests.builders import dead_letter, order_created
from tests.dlq_review.desk_pages import html, page
from tests.growth import LINEAR, growth

pytestmark = pytest.mark.django_db

EVENT = '{{"type": "order_created", "data": {}}}'


def with_members(number: int) -> str:
    members = ",".join(f'"k{one:06}": 1' for one in range(number))
    return EVENT.format(f"{{{members}}}")


def test_reading_fields_costs_as_much_more_as_there_are_more() -> None:
    letter = dead_letter("no event")
    bodies = {number: with_members(number) for number in (1_000, 4_000)}

    def read(number: int) -> None:
        assert asked(letter, bodies[number], Masked([])).more_fields == number - 100

    assert growth(read, 1_000) < LINEAR


def test_of_many_fields_the_first_are_shown_and_the_others_counted(
    desk: Client,
) -> None:
    letter = dead_letter(with_members(8_000))
    for name in ("change", "edit"):
        assert len(desk.get(page(letter, name)).content) < 500_000
    shown = html(desk, page(letter))
    assert "And 7900 more fields" in shown
    assert "Cut after 64 KiB" in shown


def test_of_many_items_the_first_are_shown_and_the_others_counted(
    desk: Client,
) -> None:
    letter = dead_letter(EVENT.format('{"items": [' + "{}," * 500 + "{}]}"))
    assert "And 401 more items" in html(desk, page(letter))


@pytest.mark.parametrize(
    "data",
    [
        '{"customer_id": "cut \\ud83d"}',
        '{"\\ud83d": 1}',
        '{"items": [{"sku": "\\ud83d", "\\ud83d": 1}]}',
        '{"profile": {"\\udc00": "\\udc00"}}',
        '"\\ud83d"',
    ],
)
def test_half_a_character_is_spelled_out_on_every_page(desk: Client, data: str) -> None:
    letter = dead_letter(EVENT.format(data))
    for name in ("change", "edit"):
        assert desk.get(page(letter, name)).status_code == 200
    for name in ("rehearse", "reveal"):
        assert desk.post(page(letter, name)).status_code == 200
    group = f"/admin/dlq_review/failuregroup/{letter.group_id}/"
    assert desk.post(f"{group}rehearse/").status_code == 200
    revealed = desk.post(page(letter, "reveal")).content.decode()
    assert "\\ud8" in revealed or "\\udc" in revealed


def test_of_many_arrivals_and_revisions_the_newest_are_shown_and_the_others_counted(
    desk: Client,
) -> None:
    letter = dead_letter("no event")
    for number in range(22):
        letter.revisions.create(number=number + 1, body=f"no event {number}", by="ada")
        letter.arrivals.create(
            dlq="orders-dlq",
            message_id=f"m{number}",
            body=f"no event {number}",
            sent_at=letter.sent_at,
            receive_count=1,
        )
    letter.revision = 22
    letter.save()
    shown = desk.post(page(letter, "reveal")).content.decode()
    assert "3 older arrivals not shown" in shown
    assert "2 older revisions not shown" in shown
    assert "no event 21" in shown


def test_what_is_more_than_a_page_reads_is_masked_whole_and_nothing_is_told_of_it() -> (
    None
):
    first, second = (
        EVENT.format(f'{{"order_id": "{name}", "x": "{"y" * (MOST_MASKED // 2)}"}}')
        for name in ("ORD-1", "ORD-2")
    )
    look = Masked([first, first, second])
    assert "ORD-1" in look.body(first)
    assert look.body(second) == MASK
    assert look.error("Grace was here.") == MASK
    assert Masked([first]).error("Grace was here.") == "Grace was here."


def test_a_body_too_long_to_compare_is_not_masked_to_find_out() -> None:
    long = EVENT.format(f'{{"email": "{"y" * LONGEST_SHOWN}"}}')
    (line,) = Masked([]).diff(long, EVENT.format("{}"))
    assert line.text == "Too long to compare here; download both."


@pytest.mark.parametrize(
    ("label", "value", "findable"),
    [
        ("order id", "ORD-1", True),
        ("customer id", "C-1", True),
        ("total", "ORD-1", False),
        ("order id", "", False),
        ("order id", MASK, False),
        ("customer id", "ada@example.com", False),  # an address names a person
    ],
)
def test_an_id_of_no_person_leads_to_its_other_requests(
    label: str, value: str, findable: bool
) -> None:
    assert Field(label, value).findable is findable


@pytest.mark.parametrize("items", ['"TEA-1"', "5"])
def test_items_that_are_no_list_are_left_to_the_body(items: str) -> None:
    letter = dead_letter(EVENT.format(f'{{"items": {items}}}'))
    found = asked(letter, letter.revisions.get().body, Bare())
    assert (found.items, found.more_items) == ([], 0)


def test_a_long_value_is_cut_and_a_value_that_just_fits_is_not() -> None:
    letter = dead_letter(EVENT.format(f'{{"a": "{"x" * 300}", "b": "{"y" * 301}"}}'))
    found = asked(letter, letter.revisions.get().body, Bare())
    assert [one.value for one in found.fields] == ["x" * 300, "y" * 300 + "…"]


def test_what_is_wrong_with_an_item_stands_in_its_cell(desk: Client) -> None:
    wrong = order_created().body.replace('"quantity":2', '"quantity":-7')
    shown = html(desk, page(dead_letter(wrong)))
    (cell,) = re.findall(r'(?s)<td class="num bad">(.*?)</td>', shown)
    assert (
        " ".join(re.sub("(?s)<svg.*?</svg>|<[^>]*>", " ", cell).split())
        == "-7 Write 1 or more."
    )
