"""A layout is refused before it makes a key that leads elsewhere, or twice to one place."""

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.s3.key_layout import LONGEST_KEY, escaped, key, problem

LATE = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
BY_DATE = "failed/{queue}/{date}/{message_id}.json"


def test_a_layout_with_queue_and_date_makes_the_key_of_a_message() -> None:
    made = key(BY_DATE, message_id="m-1", queue="orders", sent_at=LATE)
    assert made == "failed/orders/2026-11-26/m-1.json"
    made = key(BY_DATE, message_id="m/1", queue="a/b", sent_at=LATE)
    assert made == "failed/a%2Fb/2026-11-26/m%2F1.json"


def test_the_date_is_that_of_utc_wherever_the_time_was_noted() -> None:
    there = LATE.astimezone(timezone(timedelta(hours=9)))
    made = key(BY_DATE, message_id="m-1", queue="orders", sent_at=there)
    assert "/2026-11-26/" in made


@pytest.mark.parametrize(
    "layout",
    [
        *(
            "failed/{message_id}.json",
            BY_DATE,
            "{message_id}",
            "dt={date}/{message_id}",
        ),
        "x" * 824 + "{message_id}",  # with an id of the longest, just what S3 takes
    ],
)
def test_a_layout_that_is_meant_so_has_no_problem(layout: str) -> None:
    assert problem(layout) == ""


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("", "message_id"),
        ("failed/all.json", "message_id"),
        ("failed/{queue}/{date}.json", "message_id"),
        ("failed/{messageid}.json", "{messageid} is not known"),
        ("failed/{message_id}/{}.json", "{} is not known"),
        ("failed/{message_id}/{0}.json", "{0} is not known"),
        ("failed/{message_id.__class__}", "is not known"),
        ("failed/{message_id!r}.json", "nothing behind"),
        ("failed/{message_id:>9999999}.json", "nothing behind"),
        ("failed/{message_id.json", "brace"),
        ("failed/message_id}.json", "brace"),
        ("/failed/{message_id}.json", "slash"),
        ("failed//{message_id}.json", "slash"),
        ("failed/{message_id}/", "slash"),
        ("../{message_id}.json", "slash"),
        ("./{message_id}.json", "slash"),
        ("failed/{{x}}/{message_id}", "Outside"),
        ("failed/ä/{message_id}", "Outside"),
        ("failed/a b/{message_id}", "Outside"),
        ("failed\n/{message_id}", "Outside"),
        ("failed/{message_id}" + "x" * 900, "limit"),
        ("x" * 825 + "{message_id}", "limit"),
        ("{message_id}" * 6, "limit"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_told_why(layout: str, said: str) -> None:
    assert said in problem(layout)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("3c7f-A_b.~", "3c7f-A_b.~"),
        ("spool/r-1/ab", "spool%2Fr-1%2Fab"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("", "%00"),
        ("a%2Fb", "a%252Fb"),
        ("Jürgen\n€", "J%C3%BCrgen%0A%E2%82%AC"),
        ("{message_id}", "%7Bmessage_id%7D"),
        ("x" * 200, "x" * 200),
        ("x" * 201, f"sha256-{sha256(b'x' * 201).hexdigest()}"),
    ],
)
def test_odd_characters_of_an_id_cannot_lead_elsewhere(value: str, part: str) -> None:
    assert escaped(value) == part


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_every_id_makes_one_part_of_a_key_that_s3_takes(value: str) -> None:
    part = escaped(value)
    assert part.isascii()
    assert "/" not in part
    assert part not in ("", ".", "..")
    made = key(BY_DATE, message_id=value, queue="orders", sent_at=LATE)
    assert len(made.encode()) <= LONGEST_KEY


def test_two_ids_never_share_a_key() -> None:
    ids = ["a/b", "a%2Fb", "a%252Fb", ".", "%2E", "€" * 100, "€" * 99 + "e", "", "\0"]
    made = {escaped(one) for one in ids}
    assert len(made) == len(ids) - 1  # NUL, which no database stores, is as no id
