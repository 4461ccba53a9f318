"""A set of letters is done at once; where that fails, each alone, and the guilty is named."""

from collections.abc import Sequence
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError

from dlq_review.errors import FailedError, ReasonMissingError, ReviewError
from dlq_review.letters.sets import all_or_each, column
from dlq_review.models import DeadLetter
from tests.builders import dead_letter


class OwnError(Exception):
    """What the caller asks to be raised."""


def done(letters: Sequence[DeadLetter], error: BaseException) -> tuple[list[Any], list]:
    """The results, where the letter of number 2 fails with *error*; and what was tried."""
    tried: list[list[int]] = []

    def do(some: Sequence[DeadLetter]) -> list[int | ReviewError]:
        tried.append([one.pk for one in some])
        for one in some:
            one.state = "claimed"
            if one.pk == 2:
                raise error
        return [one.pk for one in some]

    found = all_or_each(letters, do, letter=lambda one: one, raises=OwnError)
    return found, tried


def letters(*numbers: int) -> list[DeadLetter]:
    return [DeadLetter(pk=number, state="open") for number in numbers]


def test_a_set_without_an_error_is_done_at_once() -> None:
    assert done(letters(1, 3), ValueError()) == ([1, 3], [[1, 3]])
    assert done(letters(1), ValueError()) == ([1], [[1]])


@pytest.mark.parametrize("error", [ValueError("x"), ReasonMissingError("x")])
def test_a_letter_that_cannot_be_done_stops_no_other(error: Exception) -> None:
    some = letters(1, 2, 3)
    (first, second, third), tried = done(some, error)
    assert (first, third, tried) == (1, 3, [[1, 2, 3], [1], [2], [3]])
    assert isinstance(second, ReviewError)
    assert (second is error) is isinstance(error, ReviewError)
    assert isinstance(second, FailedError) is not isinstance(error, ReviewError)
    (alone,), tried = done(letters(2), error)
    assert (type(alone), tried) == (type(second), [[2]])


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (SoftTimeLimitExceeded(), 1),
        (OwnError(), 1),
        (OperationalError(), 3),
        (InterfaceError(), 3),
    ],
)
def test_what_is_no_fault_of_a_letter_ends_the_set(
    error: Exception, tries: int
) -> None:
    for some in (letters(2), letters(1, 2, 3)):
        tried: list[int] = []

        def do(chosen: Sequence[DeadLetter]) -> list[int | ReviewError]:
            tried.append(len(chosen))  # noqa: B023 - called in this turn
            if any(one.pk == 2 for one in chosen):
                raise error
            return [one.pk for one in chosen]

        with pytest.raises(type(error)):
            all_or_each(some, do, letter=lambda one: one, raises=OwnError)
        assert len(tried) == (1 if len(some) == 1 else tries)


def test_a_letter_is_tried_alone_as_it_was_before_the_set() -> None:
    some, states = letters(1, 2), []

    def do(chosen: Sequence[DeadLetter]) -> list[int | ReviewError]:
        states.append([one.state for one in chosen])
        for one in chosen:
            one.state = "claimed"
        if len(chosen) > 1:
            raise ValueError
        return [one.pk for one in chosen]

    assert all_or_each(some, do, letter=lambda one: one) == [1, 2]
    assert states == [["open", "open"], ["open"], ["open"]]


@pytest.mark.django_db
@pytest.mark.parametrize("values", [("a", "a", "a"), ("a", "b", "it's 100 %")])
def test_each_row_gets_its_own_value(values: tuple[str, ...]) -> None:
    rows = [dead_letter() for _ in values]
    other = dead_letter()
    told = {row.pk: value for row, value in zip(rows, values, strict=True)}
    found = DeadLetter.objects.filter(pk__in=told)
    assert found.update(reference=column(DeadLetter, "reference", told)) == len(rows)
    assert dict(found.values_list("pk", "reference")) == told
    other.refresh_from_db()
    assert other.reference not in values
