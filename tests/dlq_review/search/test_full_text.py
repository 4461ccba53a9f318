"""One box finds by id, reference, error and the words of the body."""

import json

import pytest
from django.db import connection
from django.test import Client

from dlq_review.groups import merge
from dlq_review.letters import revisions
from dlq_review.models import DeadLetter
from dlq_review.search import full_text
from tests.builders import dead_letter, failure, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import LIST, html, page

pytestmark = pytest.mark.django_db


def found(text: str, *, bodies: bool = True) -> set[DeadLetter]:
    return set(DeadLetter.objects.filter(full_text.search(text, bodies=bodies).letters))


@pytest.mark.parametrize("text", ["Lovelace", "lovelace", "Ada Lovelace", "  Ada  "])
def test_words_of_the_body_find_the_letter(text: str) -> None:
    letter = dead_letter(signup_requested(name="Ada Lovelace"))
    dead_letter(signup_requested(name="Grace", email="grace@example.com"))
    assert found(text) == {letter}


@pytest.mark.parametrize(
    "text",
    ["Love", "lace", "Lovelace Grace", "nothing", "(", "' OR 1=1", ":* & | !", "é"],
)
def test_what_is_in_no_body_finds_nothing(text: str) -> None:
    dead_letter(signup_requested(name="Ada Lovelace"))
    assert found(text) == set()


def test_a_word_after_a_line_break_is_found() -> None:
    letter = dead_letter('{"text": "Dear Ada,\\nwelcome"}')
    assert found("welcome") == {letter}


NAME = "J\u00fcrgen \U00020bb7\u91ce"


def escaped(text: str) -> str:
    """*text* with each character as an escape, as a JSON text may have it."""
    codes = text.encode("utf-16-be").hex(" ", 2).split()
    return "".join(f"\\u{code}" for code in codes)


@pytest.mark.parametrize(
    "text", ["J\u00fcrgen", "J\u00dcRGEN", "j\u00fcrgen", "\U00020bb7\u91ce"]
)
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"name": NAME}, ensure_ascii=False),
        json.dumps({"name": NAME}),
        json.dumps({"name": NAME}).replace("00fc", "00FC"),
        f'{{"name": "{escaped(NAME)}"}}',
        json.dumps({"Message": json.dumps({"name": NAME, "more": '"'})}),
    ],
    ids=["plain", "escapes", "capitals", "nothing but escapes", "in an envelope"],
)
def test_a_body_is_found_by_what_its_escapes_stand_for(body: str, text: str) -> None:
    letter = dead_letter(body)
    dead_letter(json.dumps({"name": "Jurgen"}))
    assert found(text) == {letter}


def test_no_search_finds_the_code_of_an_escape() -> None:
    dead_letter(json.dumps({"name": NAME}))
    assert found("u00fcrgen") == set()


@pytest.mark.parametrize(
    "escapes",
    [
        *(r"\u0000", r"\ud842", r"\udfb7", r"\ud842\ud842", r"\udfb7\ud842"),
        *(r"\u12", r"\U000000fc", r"\+0000fc", r"\x", "\\", "\\\\\\", "\x01ud842\x01"),
    ],
)
def test_no_escape_keeps_a_letter_out_or_hides_what_stands_beside_it(
    escapes: str,
) -> None:
    letter = dead_letter(f'{{"name": "Lovelace {escapes} Ada')
    assert found("Lovelace") == {letter}
    assert found("Ada") == {letter}


def test_only_what_the_body_says_now_is_found() -> None:
    event = order_created()
    letter = dead_letter(event)
    body = event.body.replace("TEA-1", "COFFEE-7")
    revisions.edit(letter, body, based_on=0, by="ada", reason="x")
    assert found("COFFEE-7") == {letter}
    assert found("TEA-1") == set()


@pytest.mark.parametrize("text", ["OrderExistsError", "existserror", "Another order"])
def test_an_error_is_found_by_its_name_and_its_text(text: str) -> None:
    letter = dead_letter(attributes=failure())
    dead_letter(attributes=failure(error_type="OtherError", error_text="no"))
    assert found(text, bodies=False) == {letter}


def test_a_letter_of_a_merged_group_is_found_by_the_words_of_its_own_error() -> None:
    letter = dead_letter(attributes=failure(error_text="no answer in time"))
    other = dead_letter(attributes=failure(error_type="OtherError", error_text="no"))
    merge.merge(letter.group, other.group, by="ada", reason="the same")
    assert found("answer in time", bodies=False) == {letter}


def test_an_id_and_a_reference_are_found_whole() -> None:
    event = order_created(order_id="ORD-17", customer_id="C-9")
    letter = dead_letter(event)
    dead_letter()
    for text in (event.id, "ORD-17", "C-9"):
        assert found(text, bodies=False) == {letter}
    assert found("ORD-1", bodies=False) == set()


def test_bodies_are_searched_only_with_the_permission_to_see_them(
    client_of: ClientOf,
) -> None:
    letter = dead_letter(signup_requested(name="Lovelace"))
    viewer, reader = client_of("view"), client_of("view", "view_personal", name="bob")
    text = html(viewer, f"{LIST}?q=Lovelace")
    assert page(letter) not in text
    assert "Bodies were not searched: that needs the permission" in text
    text = html(reader, f"{LIST}?q=Lovelace")
    assert page(letter) in text
    assert "Bodies were not searched" not in text


def test_a_word_that_very_many_hold_is_looked_for_in_the_newest_and_the_page_says_so(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = dead_letter(), dead_letter()
    for name in ("MOST", "NEWEST", "NEWEST_UNINDEXED"):
        monkeypatch.setattr(full_text, name, 1)
    text = html(desk, f"{LIST}?q=TEA-1")
    assert page(new) in text
    assert page(old) not in text
    assert "only the newest 1 " in text.lower()


def test_nothing_is_said_where_every_body_was_searched(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter()
    monkeypatch.setattr(full_text, "NEWEST_UNINDEXED", 1)
    assert "were searched" not in html(desk, f"{LIST}?q=TEA-1")


def test_more_letters_than_a_page_may_list_are_said_to_be_more(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [dead_letter() for _ in range(4)]
    monkeypatch.setattr(full_text, "MOST", 2)
    monkeypatch.setattr(full_text, "NEWEST", 2)
    text = html(desk, f"{LIST}?q=TEA-1")
    assert [page(letter) in text for letter in letters] == [False, False, True, True]
    assert text.count("so only the newest 2 ") == 1
    assert "Another word narrows it." in text


@pytest.mark.parametrize("more", [0, 1])
def test_the_page_says_where_a_body_was_not_searched_to_its_end(
    desk: Client, more: int
) -> None:
    letter = dead_letter("Lovelace".ljust(full_text.LONGEST + more - 3) + "Ada")
    assert found("Lovelace") == {letter}
    text = html(desk, f"{LIST}?q=Ada")
    assert (page(letter) in text) is not more
    told = "1 body is longer than 65,536 characters, and only the beginning"
    assert (told in text) is bool(more)


@pytest.mark.parametrize(
    ("number", "told"), [(0, []), (1, ["1 body is"]), (2, ["2 bodies are"])]
)
def test_so_many_bodies_are_said_to_be_longer(number: int, told: list[str]) -> None:
    for _ in range(number):
        dead_letter("x" * (full_text.LONGEST + 1))
    notes = full_text.search("Lovelace", bodies=True).notes
    assert [one.partition(" longer than")[0] for one in notes] == told


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has the index of words"
)
def test_a_rare_word_is_found_however_old_its_letter_is(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = dead_letter(signup_requested(name="Lovelace"))
    for _ in range(3):
        dead_letter()
    monkeypatch.setattr(full_text, "NEWEST", 2)
    text = html(desk, f"{LIST}?q=Lovelace")
    assert page(letter) in text
    assert "were searched" not in text


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has the index of words"
)
@pytest.mark.parametrize("common", [2, 3])
def test_a_word_that_many_of_the_newest_hold_is_found_among_them_and_the_page_says_so(
    desk: Client, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    letters = [dead_letter() for _ in range(3)]
    monkeypatch.setattr(full_text, "NEWEST", 2)
    monkeypatch.setattr(full_text, "_COMMON", common)
    text = html(desk, f"{LIST}?q=TEA-1")
    assert [page(one) in text for one in letters] == [common > 2, True, True]
    said = "Very many bodies hold this, so only the newest 2 were searched"
    assert (said in text) is (common == 2)


@pytest.mark.parametrize(
    "body",
    [
        "a-" * 500_000,
        "x" * 1_000_000,
        "é " * 400_000,
        "<a@b.c/d?e=f&" * 70_000,
        r"\ud83d" * 170_000,
        r"\ud842\udfb7" * 80_000,
        r"\ux" * 300_000,
    ],
)
def test_no_body_is_too_long_or_too_strange_for_the_index(body: str) -> None:
    assert dead_letter(body).revisions.get().body == body


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has the index of words"
)
def test_the_search_uses_the_index_of_words() -> None:
    dead_letter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off"
        )
        cursor.execute(
            f"EXPLAIN SELECT 1 FROM dlq_review_revision WHERE {full_text.WORDS} "  # noqa: S608 - a constant
            "@@ plainto_tsquery('simple', 'tea')"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "revision_text" in plan
