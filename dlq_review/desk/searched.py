"""The search of a list, as an operation takes it over: what it finds, and who may read it."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest

from dlq_review.desk.forms import OperationForm
from dlq_review.models import Operation
from dlq_review.permissions import may
from dlq_review.search import full_text
from processing.events.masking import MASK, mask
from processing.staff.capped_paginator import MOST_COUNTED

#: What a form needs beside the selection, to read that.
_PLAN = {"rate": 50, "canary": 0, "stop_at": 20, "reason": "x"}


@dataclass(frozen=True, slots=True)
class Searched:
    """A search, for the form of an operation that has not been sent yet."""

    text: str
    found: str
    """How many letters it would freeze now; empty if bodies have to be read for that."""
    notes: list[str]
    """What the search leaves out, as the list says it."""


def searched(request: HttpRequest, asked: dict[str, Any]) -> Searched | None:
    """What the search in *asked*, the fields of a form, would freeze; None without one."""
    given = {name: one for name, one in asked.items() if one}
    if given.get("kind") != Operation.Kind.RESTORE:
        given["kind"] = Operation.Kind.REDRIVE.value  # which needs no patch
    form = OperationForm({**_PLAN, **given})
    if not form.is_valid() or not form.cleaned_data["q"]:
        return None
    selection = replace(form.selection(), masked=not may(request.user, "reveal"))
    found = full_text.search(selection.search, bodies=not selection.masked)
    count = selection.candidates().order_by()[:MOST_COUNTED].count()
    words = f"{count:,}{'+' if count == MOST_COUNTED else ''}"
    return Searched(selection.search, "" if selection.fields else words, found.notes)


def shown(request: HttpRequest, operation: Operation) -> str:
    """The search of *operation* as this person may read it; empty if it has none.

    One that read bodies would tell what the bodies of its letters hold.
    """
    text = str(operation.selection.get("search", ""))
    if may(request.user, "reveal"):
        return text
    return mask(text) if operation.masked or not text else MASK
