"""The time limit that an error comes of, however the errors between were raised."""

from collections.abc import Callable

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from processing.delivery.interruption import time_limit_behind


def plain(error: Exception) -> None:
    raise error


def from_another(error: Exception) -> None:
    try:
        raise error
    except Exception as first:
        raise OperationalError from first


def while_handling(error: Exception) -> None:
    try:
        raise error
    except Exception:
        raise OperationalError  # noqa: B904 - as a driver may


def twice(error: Exception) -> None:
    try:
        from_another(error)
    except OperationalError:
        raise RuntimeError  # noqa: B904


def hiding(error: Exception) -> None:
    try:
        raise error
    except Exception:
        raise OperationalError from None


def raised(how: Callable[[Exception], None], error: Exception) -> BaseException:
    try:
        how(error)
    except Exception as found:
        return found
    pytest.fail("nothing was raised")


every = pytest.mark.parametrize(
    "how", [plain, from_another, while_handling, twice, hiding]
)


@every
def test_it_is_found(how: Callable[[Exception], None]) -> None:
    limit = SoftTimeLimitExceeded()
    assert time_limit_behind(raised(how, limit)) is limit


@every
def test_other_errors_come_of_none(how: Callable[[Exception], None]) -> None:
    assert time_limit_behind(raised(how, LookupError())) is None


def test_no_error_comes_of_none() -> None:
    assert time_limit_behind(None) is None
