"""What stands, in a test, in the place of a call to something that is away."""

from typing import NoReturn

from django.db import OperationalError


def away(*_: object, **__: object) -> NoReturn:
    """As where the database takes no connection."""
    raise OperationalError("no database")
