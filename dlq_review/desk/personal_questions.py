"""A form whose answer reveals personal data: who may send it, and the trail of it."""

from collections.abc import Collection

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from dlq_review.letters.transitions import note_reveal
from dlq_review.permissions import denial
from dlq_review.search.veil import Hidden


def may_ask(
    request: HttpRequest, form: forms.Form, hidden: Collection[Hidden], what: str
) -> bool:
    """Whether this user may ask for *hidden*; if not, *form* says why.

    The result reveals personal data, so it is recorded in the trail that *what* asked.
    """
    denied = denial(request.user, ("reveal",)) if hidden else ""
    if denied:
        for one in hidden:
            form.add_error(one.where, f"{one.name} {one.why}.")
        form.add_error(None, ValidationError(denied, code="denied"))
    elif hidden:
        names = ", ".join(one.name for one in hidden)
        note_reveal(request.user.get_username(), f"{what} that asks about {names}")
    return not denied
