"""The form for an edit of many: the wrong values at one place, and a new one for each."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from dlq_review.desk.forms import OperationForm
from dlq_review.desk.freezing import freeze, may_freeze
from dlq_review.desk.responses import check_may_operate, page
from dlq_review.errors import ReviewError
from dlq_review.facets.wrong_values import MOST_VALUES, WrongPlace, wrong_places
from dlq_review.models import DeadLetter, Operation
from dlq_review.search import keyset_pages

SAMPLE = 500  # letters whose bodies are read, the newest
CHOSEN = ("ids", "group", "queue", "type", "error", "since", "after", "field")
"""What narrows the selection, as in `OperationForm`."""
MISSING = "missing"
_PLAN = {"rate": "50", "canary": "5", "stop_at": "20"}


class NoNewValueError(ReviewError):
    """Write a new value for at least one of the wrong ones."""


class RefusedFormError(ReviewError):
    """The form is not complete."""


def address(asked: dict[str, str]) -> str:
    """The address of the form for the letters that *asked* chooses; empty if it has nothing
    to offer.
    """
    chosen = {name: asked[name] for name in CHOSEN if asked.get(name)}
    letters, _ = _sample(chosen)
    if not wrong_places(letters):
        return ""
    return f"{reverse('admin:dlq_review_operation_edit')}?{urlencode(chosen)}"


def edit_many(request: HttpRequest) -> HttpResponse:
    """Show the form. A POST freezes the list and redirects to it; nothing is changed."""
    check_may_operate(request, Operation.Kind.REPAIR)
    sent = request.POST if request.method == "POST" else request.GET
    chosen = {name: sent[name] for name in CHOSEN if sent.get(name)}
    letters, more = _sample(chosen)
    places = wrong_places(letters)
    place = next((one for one in places if one.pointer == sent.get("path")), None)
    place = place or next(iter(places), None)
    if place is not None and request.method == "POST":
        try:
            return _freeze(request, chosen, place)
        except ReviewError as error:
            messages.error(request, str(error))
    context = {
        "title": "Edit many",
        "chosen": chosen,
        "sample": len(letters),
        "more": more,
        "places": [(one, _link(chosen, one)) for one in places],
        "place": place,
        "values": _rows(place) if place else [],
        "others": max(0, len(place.values) - MOST_VALUES) if place else 0,
        "as_json": _as_json(chosen),
        "reason": sent.get("reason", "")[:500],
        "repair": request.method == "GET" or "redrive" in sent,
    }
    return page(request, "dlq_review/edit_many.html", context)


def _sample(chosen: dict[str, str]) -> tuple[list[DeadLetter], bool]:
    """The newest letters that *chosen* finds, and whether there are more."""
    form = OperationForm({**_PLAN, **chosen, "kind": "redrive", "reason": "x"})
    if not form.is_valid():
        return [], False
    selection = replace(form.selection(), masked=True)
    newest = keyset_pages.older(selection.candidates(), DeadLetter.EDITABLE, SAMPLE + 1)
    return selection.matching(newest[:SAMPLE]), len(newest) > SAMPLE


def _link(chosen: dict[str, str], place: WrongPlace) -> str:
    return f"?{urlencode({**chosen, 'path': place.pointer})}"


def _as_json(chosen: dict[str, str]) -> str:
    asked = urlencode({**chosen, "kind": Operation.Kind.EDIT.value, "as": "json"})
    return f"{reverse('admin:dlq_review_operation_new')}?{asked}"


def _rows(place: WrongPlace) -> list[dict[str, Any]]:
    """The wrong values, each as JSON and as people read it."""
    rows = [
        {"json": text, "text": _read(text), "letters": count}
        for text, count in place.values.most_common(MOST_VALUES)
    ]
    if place.missing:
        rows.append({"json": MISSING, "text": "", "letters": place.missing})
    return rows


def _read(text: str) -> str:
    value = json.loads(text)
    return value if isinstance(value, str) else text


def _freeze(
    request: HttpRequest, chosen: dict[str, str], place: WrongPlace
) -> HttpResponse:
    known = {row["json"] for row in _rows(place)}
    given = zip(request.POST.getlist("was"), request.POST.getlist("new"), strict=False)
    removed = set(request.POST.getlist("remove"))
    cases = [
        _case(place, was, new.strip(), remove=was in removed)
        for was, new in given
        if was in known and (new.strip() or was in removed)
    ]
    if not cases:
        raise NoNewValueError(NoNewValueError.__doc__)
    form = OperationForm(
        {
            **_PLAN,
            **chosen,
            "kind": "repair" if "redrive" in request.POST else "fix",
            "patch": json.dumps(cases),
            "reason": request.POST.get("reason", ""),
        }
    )
    return _frozen(request, form)


def _case(
    place: WrongPlace, was: str, new: str, *, remove: bool
) -> Sequence[dict[str, Any]]:
    if was == MISSING:
        guard: dict[str, Any] = {"op": "absent", "path": place.pointer}
        op = "add"
    else:
        guard = {"op": "test", "path": place.pointer, "value": json.loads(was)}
        op = "replace"
    if remove and was != MISSING:
        return guard, {"op": "remove", "path": place.pointer}
    value = json.loads(place.written(new))
    return guard, {"op": op, "path": place.pointer, "value": value}


def _frozen(request: HttpRequest, form: OperationForm) -> HttpResponse:
    if not form.is_valid():
        wrong = form.errors.get("reason", form.errors.get("patch", ()))
        raise RefusedFormError(" ".join(["Give a reason.", *map(str, wrong)]))
    if not may_freeze(request, form):
        raise RefusedFormError(" ".join(map(str, form.non_field_errors())))
    operation = freeze(request, form)
    return redirect("admin:dlq_review_operation_change", operation.pk)
