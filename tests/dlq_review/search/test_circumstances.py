"""What is known of a failure beside the body."""

from datetime import datetime
from typing import Any

import pytest

from dlq_review.models import DeadLetter
from dlq_review.search.circumstances import LONGEST, circumstances, is_public
from processing.events.masking import MASK
from tests.builders import dead_letter, failed_attempt, failure, order_created

pytestmark = pytest.mark.django_db


def test_each_letter_has_circumstances_of_its_own() -> None:
    letters, wanted = [], []
    for number in (1, 2):
        event = order_created()
        at = f"2026-11-20T1{number}:30:00+00:00"
        told = failure(release=f"r{number}", failed_at=at)
        letters.append(dead_letter(event, attributes={**told, "shop": f"s{number}"}))
        failed_attempt(event, queue="orders", worker=f"w{number}")
        wanted.append(
            {
                "hour": f"2026-11-20T1{number}",
                "release": f"r{number}",
                "worker": f"w{number}",
                "attribute": {"shop": f"s{number}"},
            }
        )
    assert [*circumstances(letters, masked=False).values()] == wanted


def test_of_the_attributes_only_those_that_name_nobody_are_shown() -> None:
    given = {"shop": "s1", "type": "order_updated"}
    letter = dead_letter(attributes=given)
    shown = circumstances([letter], masked=True)[letter.pk]
    assert shown["attribute"] == {"shop": MASK, "type": "order_updated"}


def of(letter: DeadLetter) -> dict[str, Any]:
    return circumstances([letter], masked=False)[letter.pk]


def test_they_are_those_of_the_last_failure() -> None:
    event = order_created()
    for minute, worker in (("40", "w2"), ("20", "w1")):  # told in any order
        at = datetime.fromisoformat(f"2026-11-20T13:{minute}:00+00:00")
        failed_attempt(event, worker=worker, started_at=at)
    failed_attempt(event, worker="w3", queue="signups")
    failed_attempt(order_created(), worker="w4")
    letter = dead_letter(event, attributes={"shop": "s1"})
    assert dead_letter(event, attributes={"shop": "s2"}) == letter
    letter.first_failed_at = datetime.fromisoformat("2026-11-20T11:30:00+00:00")
    letter.last_failed_at = datetime.fromisoformat("2026-11-20T15:30:00+02:00")
    assert of(letter) == {
        "hour": "2026-11-20T13",
        "worker": "w2",
        "attribute": {"shop": "s2"},
    }


def test_an_attribute_is_told_unless_it_repeats_the_row_or_is_too_long() -> None:
    event = order_created()
    given = {
        "type": event.type,
        "kind": event.type,
        "longest": "x" * LONGEST,
        "longer": "x" * (LONGEST + 1),
        "traceparent": "00-a-b-01",
    }
    assert [*of(dead_letter(event, attributes=given))["attribute"]] == [
        *("kind", "longest")
    ]


def test_what_is_not_known_is_left_out() -> None:
    assert [*of(dead_letter())] == ["hour"]


def test_a_worker_whose_name_is_an_address_is_masked() -> None:
    event = order_created()
    failed_attempt(event, worker="ada@example.com")
    assert of(dead_letter(event))["worker"] == "a…@example.com"


@pytest.mark.parametrize(
    ("steps", "is_for_everybody"),
    [
        ([], False),
        (["hour"], True),
        (["worker"], True),
        (["colour"], False),
        (["attribute"], False),
        (["attribute", "type"], True),
        (["attribute", "shop"], False),
    ],
)
def test_everybody_asks_for_what_names_nobody(
    steps: list[str], *, is_for_everybody: bool
) -> None:
    assert is_public(steps) is is_for_everybody
