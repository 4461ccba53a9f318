"""What is searched, listed, exported and veiled: each rule by what one sees of it."""

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from dlq_review.models import DeadLetter, Operation, OperationItem, Revision
from dlq_review.search import export, veil
from dlq_review.search.keyset_pages import Cursor, above, newer, older, page
from dlq_review.search.selections import Selection
from dlq_review.search.veil import Masked, look_at, reason_about
from processing.events.masking import MASK
from tests.builders import dead_letter, signup_requested
from tests.dlq_review.policies import policy

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA, EVE = (signup_requested(name=name).body for name in ("Quadalovel", "Quevelin"))


# -- Pages of a list --------------------------------------------------------------------
@pytest.fixture
def five() -> list[DeadLetter]:
    """Five letters of two states, the oldest first; three failed at one moment."""
    found = []
    for number, state in enumerate(("open", "resolved", "open", "open", "resolved")):
        letter = dead_letter()
        at = NOON + min(max(number, 1), 3) * MINUTE
        DeadLetter.objects.filter(pk=letter.pk).update(state=state, last_failed_at=at)
        letter.refresh_from_db()
        found.append(letter)
    return found


BOTH = ("open", "resolved")


@pytest.mark.django_db
def test_letters_stand_above_and_below_a_place(five: list[DeadLetter]) -> None:
    letters = DeadLetter.objects.all()
    for number, letter in enumerate(five):
        here = Cursor.of(letter)
        higher, lower = five[number + 1 :], five[:number]
        assert newer(letters, BOTH, 9, than=here) == higher
        assert older(letters, BOTH, 9, than=here) == lower[::-1]
        assert newer(letters, BOTH, 1, than=here) == higher[:1]
        assert older(letters, BOTH, 1, than=here) == lower[::-1][:1]
        counted = [above(letters, BOTH, here, most) for most in (9, 2, 0)]
        assert counted == [min(most, len(higher)) for most in (9, 2, 0)]
        of_one = [one for one in higher if one.state == "open"]
        assert above(letters, ("open",), here, 9) == len(of_one)
        assert Cursor.read(str(here)) == here
    assert older(letters, BOTH, 9) == five[::-1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "numbers", "newer", "older"),
    [
        ({}, [4, 3], None, 3),
        ({"before": 3}, [2, 1], 2, 1),
        ({"before": 2}, [1, 0], 1, None),
        ({"before": 1}, [0], 0, None),
        ({"before": 0}, [], None, None),
        ({"after": 0}, [2, 1], 2, 1),
        ({"after": 1}, [3, 2], 3, 2),
        ({"after": 2}, [4, 3], None, 3),
        ({"after": 4}, [4, 3], None, 3),
    ],
)
def test_a_page_begins_at_its_place_and_names_its_neighbours(
    five: list[DeadLetter],
    place: dict[str, int],
    numbers: list[int],
    newer: int | None,
    older: int | None,
) -> None:
    at: Any = {name: Cursor.of(five[number]) for name, number in place.items()}
    found = page(DeadLetter.objects.all(), BOTH, 2, **at)
    assert [five.index(one) for one in found.letters] == numbers
    expected = [None if one is None else Cursor.of(five[one]) for one in (newer, older)]
    assert [found.newer, found.older] == expected


# -- Exports ----------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "written"),
    [
        *((f"{one}1", f"'{one}1") for one in "=+-@\t\r"),
        (" \ufeff =1", "' \ufeff =1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text: str, written: str) -> None:
    letter = dead_letter()
    DeadLetter.objects.update(reference=text)
    lines = list(export.as_csv(DeadLetter.objects.all(), masked=False))
    head, row = csv.reader(lines, strict=True)
    found = dict(zip(head, row, strict=True))
    assert found["reference"] == written
    assert (found["id"], found["state"]) == (str(letter.pk), "open")


# -- What is masked ---------------------------------------------------------------------
TRACE = """Traceback (most recent call last):
  File "/srv/a/b.py", line 7, in create
    order = find("Quadalovel")
ValueError: no Quadalovel"""


def test_a_traceback_shows_no_name_of_a_body() -> None:
    found = Masked([ADA]).trace(TRACE)
    assert "Quadalovel" not in str(found)
    (frame,) = found.frames
    assert (frame.where, len(frame.code)) == ("a/b.py:7 in create", 1)
    assert frame.code[0].startswith("order = find(")
    assert found.error.startswith("ValueError: no")
    assert "Quadalovel" in str(Masked([EVE]).trace(TRACE))


@pytest.mark.django_db
def test_of_many_bodies_the_newest_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = dead_letter("{}")
    for number, body in enumerate((ADA, EVE), start=1):
        Revision.objects.create(letter=letter, number=number, body=body)
    monkeypatch.setattr(veil, "MOST_BODIES", 2)
    found = look_at([letter]).text("plain Quevelin and Quadalovel")
    assert found == f"plain {MASK} and {MASK}"
    assert look_at([dead_letter(ADA)]).text("'plain' Quevelin") == "'plain' Quevelin"


@pytest.mark.django_db
def test_a_reason_is_hidden_until_somebody_repairs_the_body() -> None:
    letter = dead_letter("no JSON")
    assert reason_about(letter, "plain words") == MASK
    Revision.objects.create(letter=letter, number=1, body=ADA)
    letter.revision = 1
    assert reason_about(letter, "plain Quadalovel") == f"plain {MASK}"


# -- What a policy may take -------------------------------------------------------------
@pytest.fixture
def two() -> list[DeadLetter]:
    return [dead_letter(), dead_letter()]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"revision": 1}, False),
        ({"body_fingerprint": ""}, False),
        ({"redrives": 2}, True),
        ({"redrives": 3}, False),
        ({"state": "resolved"}, False),
    ],
)
def test_a_policy_takes_what_waits_and_can_be_sent_as_it_arrived(
    two: list[DeadLetter], settings: Settings, change: dict[str, Any], taken: bool
) -> None:
    settings.REDRIVE_LIMIT = 3
    DeadLetter.objects.filter(pk=two[0].pk).update(**change)
    chosen = Selection(policy=policy().pk).candidates()
    assert list(chosen) == (two if taken else two[1:])
    settings.REDRIVE_LIMIT = 0
    again = Selection(policy=policy().pk).candidates()
    assert (two[0] in again) is (taken or change == {"redrives": 3})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("runs", "taken"),
    [
        ([("done", "redriven")], True),
        ([("done", "redriven"), ("done", "skipped")], False),
        ([("done", "redriven"), ("cancelled", "skipped")], True),
        ([("done", "redriven"), ("cancelled", "redriven")], False),
        ([("done", "redriven")] * 2, False),
    ],
)
def test_a_policy_takes_a_letter_as_often_as_it_may(
    two: list[DeadLetter], runs: list[tuple[str, str]], taken: bool
) -> None:
    of_two, other = policy(times=2), policy(times=1)
    for state, item in runs:
        run = Operation.objects.create(by="x", cutoff=NOON, state=state, policy=of_two)
        OperationItem.objects.create(
            operation=run, letter=two[0], revision=0, state=item
        )
    for one, expected in ((of_two, taken), (other, True)):
        chosen = Selection(policy=one.pk).candidates()
        assert list(chosen) == (two if expected else two[1:])
