"""A list is narrowed by conditions: which are asked, of which letters, and what is told."""

import pytest

from dlq_review.models import DeadLetter
from dlq_review.search import narrowing
from dlq_review.search.narrowing import Conditions, narrow
from tests.builders import dead_letter, order_created

pytestmark = pytest.mark.django_db
WAITING = DeadLetter.WAITING


def narrowed(asked: Conditions) -> tuple[set[DeadLetter], list[str]]:
    found, notes = narrow(DeadLetter.objects.all(), WAITING, asked)
    return set(found), list(notes)


def test_all_of_ten_conditions_are_asked_and_of_eleven_none() -> None:
    letter = dead_letter(order_created(customer_id="C-1"))
    dead_letter(order_created(customer_id="C-2"))
    ten = "data.currency=EUR\n\n" * 9 + " data.customer_id=C-1 "
    assert narrowed(Conditions.read(ten)) == ({letter}, [])
    eleven = Conditions.read(f"{ten}\ndata.currency")
    assert narrowed(eleven) == (set(), ["Ask at most 10 conditions at once."])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "data.currency=EUR\ndata.email=ada@example.com",
            "data.email=a…@example.com names personal data, so it can be asked by an"
            " operation only.",
        ),
        ("data.x ! 1", "' ! 1' in 'data.x ! 1' is not understood."),
    ],
)
def test_a_condition_that_is_refused_finds_nothing_and_says_why(
    text: str, told: str
) -> None:
    dead_letter()
    found, (why,) = narrowed(Conditions.read(text))
    assert found == set()
    assert why.startswith(told)


@pytest.mark.parametrize("most", [2, 3])
def test_only_the_newest_are_asked_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    letters = [dead_letter() for _ in range(3)]
    monkeypatch.setattr(narrowing, "MOST", most)
    found, notes = narrowed(Conditions.read("data.currency=EUR"))
    assert found == set(letters[-most:])
    told = "Only the newest 2 letters were asked. An operation asks all of them."
    assert notes == ([told] if most == 2 else [])


def test_the_masked_body_is_asked() -> None:
    """`data` is public as a whole, and holds what is not."""
    dead_letter(order_created(email="grace@example.com"))
    asked = Conditions(("data.email=grace@example.com",))
    assert narrowed(asked) == (set(), [])


def test_conditions_are_written_without_what_is_personal() -> None:
    asked = Conditions(("data.currency=EUR", "data.email=ada@example.com"))
    assert str(asked) == "data.currency=EUR and data.email=a…@example.com"
