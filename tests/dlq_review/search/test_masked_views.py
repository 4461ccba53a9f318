"""A view with personal data masked: of how much, and what where not all was read."""

import pytest

from dlq_review.models import Arrival, DeadLetter, Revision
from dlq_review.search import veil
from dlq_review.search.selections import Selection
from dlq_review.search.veil import Hidden, Masked, look_at, needs_reveal, reason_about
from processing.events.errors import Problem
from processing.events.masking import CHANGED, MASK, mask_body
from tests.builders import dead_letter, signup_requested

ADA, EVE = (signup_requested(name=name).body for name in ("Quadalovel", "Quevelin"))


def test_a_problem_is_masked_in_its_field_and_in_its_words() -> None:
    found = Masked([ADA]).problem(Problem("Quadalovel", "of Quadalovel"))
    assert found == Problem(MASK, f"of {MASK}")


def test_attributes_are_masked_by_name_text_and_kind() -> None:
    given = [
        ("shop", "Berlin", ""),
        ("type", "order_created", "String.plain"),
        ("Ada Byron", "x", "Custom of Ada"),
    ]
    assert Masked([]).attributes(given) == [
        ("shop", MASK, ""),
        ("type", "order_created", "String.plain"),
        (MASK, MASK, MASK),
    ]


@pytest.mark.parametrize("less", [0, 1])
def test_bodies_beyond_a_limit_are_masked_whole(
    monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    length = len(ADA) + len(EVE) - less
    monkeypatch.setattr(veil, "MOST_MASKED", length)
    masked = Masked([ADA, ADA, EVE])
    assert masked.body(ADA) == mask_body(ADA)
    assert masked.body(EVE) == (MASK if less else mask_body(EVE))
    assert masked.text("about Quadalovel") == f"about {MASK}"
    # A text may hold what the body that was left out says.
    assert masked.text("'anything'") == ("•••" if less else "'anything'")


def test_a_body_of_somebody_else_is_masked_too() -> None:
    assert Masked([ADA]).body(EVE) == mask_body(EVE)


def test_a_difference_shows_no_value_and_no_mark() -> None:
    lines = Masked([ADA, EVE]).diff(ADA, EVE)
    text = "\n".join(line.text for line in lines)
    assert lines
    assert "Qua" not in text
    assert CHANGED not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arrivals", "revisions", "all_read"), [(2, 2, True), (3, 1, False), (1, 3, False)]
)
def test_of_a_letter_so_many_bodies_are_read(
    monkeypatch: pytest.MonkeyPatch, arrivals: int, revisions: int, *, all_read: bool
) -> None:
    monkeypatch.setattr(veil, "MOST_BODIES", 2)
    letter = dead_letter(ADA)
    of_arrival = letter.arrivals.get()
    for number in range(1, arrivals):
        of_arrival.pk, of_arrival.message_id = None, f"m-{number}"
        of_arrival.save(force_insert=True)
    for number in range(1, revisions):
        Revision.objects.create(letter=letter, number=number, body=ADA)
    text = look_at([letter]).text("'plain' of Quadalovel")
    assert text == (f"'plain' of {MASK}" if all_read else f"{MASK} of {MASK}")


@pytest.mark.django_db
def test_arrivals_revisions_and_what_else_was_given_are_masked() -> None:
    letter = dead_letter(ADA)
    Arrival.objects.update(body=signup_requested(name="Qarrival").body)
    found = look_at([letter], EVE).text("Quadalovel, Qarrival, Quevelin, plain")
    assert found == f"{MASK}, {MASK}, {MASK}, plain"
    assert look_at([]).text("'anything'") == MASK


@pytest.mark.django_db
def test_a_reason_is_masked_by_each_body_that_was_told_or_arrived() -> None:
    letter = dead_letter(ADA)
    Arrival.objects.update(body=signup_requested(name="Qarrival").body)
    Revision.objects.create(letter=letter, number=1, body=EVE)
    DeadLetter.objects.update(revision=1)
    letter.refresh_from_db()
    told = reason_about(letter, "Quadalovel, Qarrival, Quevelin, plain")
    assert told == f"{MASK}, {MASK}, {MASK}, plain"
    assert reason_about(letter, "") == ""
    letter.revision = 7  # which is not there
    assert reason_about(letter, "plain") == MASK


@pytest.mark.django_db
@pytest.mark.parametrize("less", [0, 1])
def test_a_reason_about_more_than_is_read_is_hidden(
    monkeypatch: pytest.MonkeyPatch, less: int
) -> None:
    letter = dead_letter(ADA)
    with monkeypatch.context() as patch:
        patch.setattr(veil, "MOST_READ", len(ADA) - less)
        assert reason_about(letter, "plain") == (MASK if less else "plain")
    for number in range(1, 3 + less):
        Revision.objects.create(letter=letter, number=number, body=f"{{{number}")
    monkeypatch.setattr(veil, "MOST_BODIES", 2)
    assert (reason_about(letter, "plain") == MASK) is bool(less)


@pytest.mark.parametrize(
    ("selection", "patch", "hidden"),
    [
        (Selection(), [], []),
        (Selection(fields=("data.currency=EUR", "@hour=2026")), [], []),
        (
            Selection(
                fields=("data.email~ada", "@attribute.shop=s1", "data.email~eve")
            ),
            [],
            [Hidden("field", "data.email"), Hidden("field", "@attribute.shop")],
        ),
        (
            Selection(ids=("ORD-1", "ada@example.com", "7")),
            [],
            [Hidden("ids", "a…@example.com")],
        ),
        (Selection(), [{"op": "replace", "path": "/data/currency"}], []),
        (
            Selection(),
            [{"op": "remove", "path": "/data/email"}] * 2,
            [Hidden("patch", "/data/email")],
        ),
        (
            Selection(),
            [{"op": "replace", "path": "/type"}],
            [Hidden("patch", "/type", "decides which fields are masked")],
        ),
        (Selection(), [{"op": "test", "path": "/type"}], []),
        (
            Selection(),
            [{"op": "copy", "from": "/data/email", "path": "/data/note"}],
            [
                Hidden("patch", "/data/note"),
                Hidden("patch", "/data/email"),
                Hidden("patch", "copy from /data/email", "can show what is masked"),
            ],
        ),
        (
            Selection(),
            [{"op": "add", "path": "/data/Ada Byron"}],
            [Hidden("patch", f"/data/{MASK}")],
        ),
    ],
)
def test_what_needs_the_right_to_see_personal_data(
    selection: Selection, patch: list[dict[str, str]], hidden: list[Hidden]
) -> None:
    assert needs_reveal(selection, patch) == hidden
