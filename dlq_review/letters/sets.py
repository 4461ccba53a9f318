"""Do something to a set of letters in one transaction; if that fails, to each alone.

So the letter to blame is named, and its neighbours are not held up.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.db.models import Case, Field, Model, Value, When

from dlq_review.errors import FailedError, ReviewError
from dlq_review.models import DeadLetter

logger = logging.getLogger(__name__)

One = TypeVar("One")
Result = TypeVar("Result")

#: No fault of a letter: the job has to end, or the database is away.
_NOT_THEIRS = (SoftTimeLimitExceeded, OperationalError, InterfaceError)


def all_or_each(
    chosen: Sequence[One],
    do: Callable[[Sequence[One]], list[Result | ReviewError]],
    *,
    letter: Callable[[One], DeadLetter],
    raises: type[Exception] = SoftTimeLimitExceeded,
) -> list[Result | ReviewError]:
    """The results of *do*, which owns its transaction, in order.

    A FailedError stands for an error of any kind that one letter alone raises. Raises
    errors that are no fault of a letter, and *raises*.
    """
    if len(chosen) == 1:
        return [_alone(chosen[0], do, letter(chosen[0]), raises)]
    letters = [letter(one) for one in chosen]
    before = [dict(one.__dict__) for one in letters]
    try:
        return do(chosen)
    except (SoftTimeLimitExceeded, raises):
        raise
    except Exception as error:  # of any kind: each is tried alone now
        logger.warning("letters=%s at_once=0 reason=%s", len(chosen), _name(error))
    for one, fields in zip(letters, before, strict=True):
        one.__dict__.update(fields)  # nothing of it was committed
    return [_alone(one, do, letter(one), raises) for one in chosen]


def _alone(
    one: One,
    do: Callable[[Sequence[One]], list[Result | ReviewError]],
    letter: DeadLetter,
    raises: type[Exception],
) -> Result | ReviewError:
    try:
        (result,) = do([one])
    except ReviewError as refused:
        return refused
    except (*_NOT_THEIRS, raises):
        raise
    except Exception as error:  # of any kind: the others go on
        logger.exception("letter=%s failed=%s", letter.pk, _name(error))
        return FailedError(error)
    return result


def _name(error: Exception) -> str:
    return type(error).__name__


def column(model: type[Model], name: str, values: Mapping[int, Any]) -> Any:
    """What an UPDATE sets *name* to, where *values* has the new value by primary key."""
    same: dict[Any, list[int]] = defaultdict(list)
    for pk, value in values.items():
        same[value].append(pk)
    if len(same) == 1:
        return next(iter(same))
    of_type = cast("Field[Any, Any]", model._meta.get_field(name))
    return Case(
        *(
            When(pk__in=numbers, then=Value(value, output_field=of_type))
            for value, numbers in same.items()
        )
    )
