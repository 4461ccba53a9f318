"""What people gave stands in no row and no log because a database told it."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, DataError, connection, transaction

from processing.delivery import processor
from processing.delivery.error_texts import Formatter, text_of, traceback_of
from processing.handlers import registry
from processing.models import Attempt, Order, User
from tests.builders import message, order_created

pytestmark = pytest.mark.django_db
SECRET = "ada.secret@example.com"


def _user(**fields: Any) -> User:
    return User.objects.create(**{"username": SECRET, "email": SECRET, **fields})


def the_same_address_twice() -> None:
    _user()
    _user(username="other", email=SECRET.upper())


def the_same_name_twice() -> None:
    _user()
    _user(email="")


def no_value_where_one_is_needed() -> None:
    _user(first_name=None)


def a_number_that_is_none() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CAST(%s AS integer) + 1/0", [SECRET])
        User.objects.create(username=SECRET, name=SECRET * 20)
    raise DatabaseError(f"short\nDETAIL: {SECRET}")  # where SQLite takes both


def an_account_that_is_away() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "INSERT INTO processing_signup VALUES (%s, %s, '{}', now(), 99)",
            [SECRET, SECRET],
        )


BREACHES = [
    the_same_address_twice,
    the_same_name_twice,
    no_value_where_one_is_needed,
    a_number_that_is_none,
    an_account_that_is_away,
]


@pytest.mark.parametrize("breach", BREACHES)
def test_an_attempt_names_the_rule_and_not_the_value(
    breach: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler(_: Any) -> None:
        try:
            breach()
        except DatabaseError as error:
            raise RuntimeError("it failed later") from error

    for chosen in (lambda _: breach(), handler):
        monkeypatch.setitem(registry.HANDLERS, "order_created", chosen)
        with pytest.raises(processor.RetryLaterError):
            processor.handle(message(order_created()))
    assert Attempt.objects.count() == 2
    for attempt in Attempt.objects.all():
        assert SECRET not in (attempt.error_text + attempt.traceback).lower()
        assert breach.__name__ in attempt.traceback
    assert not Order.objects.exists()


def caught(breach: Callable[[], None]) -> DatabaseError:
    with pytest.raises(DatabaseError) as found, transaction.atomic():
        breach()
    return found.value


def test_the_text_still_says_which_rule_was_broken() -> None:
    text = text_of(caught(the_same_address_twice))
    assert "one_account_per_address" in text or "UNIQUE" in text
    assert "\n" not in text


@pytest.mark.parametrize("breach", BREACHES)
def test_a_log_line_with_a_traceback_holds_no_value(
    breach: Callable[[], None],
) -> None:
    error = caught(breach)
    info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "broken", (), info)
    line = Formatter("%(message)s").format(record)
    assert line.startswith("broken\nTraceback (most recent call last):")
    assert SECRET not in line.lower()


def three_that_led_to_a_fourth() -> None:
    try:
        try:
            try:
                int("first")
            except ValueError:
                raise KeyError("second") from None
        except KeyError as second:
            raise TypeError("third") from second
    except TypeError:
        raise OSError(2, "fourth")  # noqa: B904 - one without a cause


def test_other_errors_print_as_python_prints_them() -> None:
    with pytest.raises(OSError, match="fourth") as found:
        three_that_led_to_a_fourth()
    printed = "".join(traceback.format_exception(found.value))
    assert traceback_of(found.value).split() == printed.split()


def test_the_settings_log_through_it(settings: Any) -> None:
    line = settings.LOGGING["formatters"]["line"]
    assert line["()"] == f"{Formatter.__module__}.{Formatter.__qualname__}"


@pytest.mark.parametrize("of_driver", [False, True])
@pytest.mark.parametrize("exactly", [False, True])
def test_a_value_that_the_database_refuses_is_not_told(
    of_driver: bool, exactly: bool
) -> None:
    driver: Any = connection
    kind: Any = driver.Database.DataError if of_driver else DataError
    if not exactly:  # as psycopg has a class for each code of PostgreSQL
        kind = type("InvalidTextRepresentation", (kind,), {})
    error = kind(f"invalid input syntax for type integer: '{SECRET}'")
    assert text_of(error) == "The database refused a value."
    assert SECRET not in traceback_of(error)
