"""What stands, in a test, in the place of a call to something that is away."""

from typing import NoReturn

from django.db import OperationalError

from processing.database.patience import of_this_process


def away(*_: object, **__: object) -> NoReturn:
    """As where the database takes no connection."""
    raise OperationalError("no database")


def no_answer(*_: object, **__: object) -> NoReturn:
    """As where the database hangs: only whoever limited the time gets an error."""
    assert of_this_process.left() is not None, "this would wait for ever"
    raise OperationalError("no answer")
