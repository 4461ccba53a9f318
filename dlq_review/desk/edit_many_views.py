"""The form for an edit of many: the wrong values at one place, and a new one for each."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from dlq_review.desk.forms import OperationForm
from dlq_review.desk.freezing import freeze, may_freeze
from dlq_review.desk.responses import check_may_operate, page
from dlq_review.desk.searched import searched
from dlq_review.errors import ReviewError
from dlq_review.facets.wrong_values import MOST_VALUES, WrongPlace, wrong_places
from dlq_review.models import DeadLetter, Operation
from dlq_review.permissions import may
from dlq_review.search import keyset_pages
from dlq_review.search.veil import needs_reveal

SAMPLE = 500  # letters whose bodies are read, the newest
CHOSEN = ("ids", "group", "queue", "type", "error", "since", "after", "field", "q")
"""What narrows the selection, as in `OperationForm`."""
MISSING = "missing"
LONGEST_NEW = 1_000  # characters of a new value
_PLAN = {"rate": "50", "canary": "5", "stop_at": "20"}


class NoNewValueError(ReviewError):
    """Write a new value for at least one of the wrong ones."""


class RefusedFormError(ReviewError):
    """The form is not complete."""


def address(request: HttpRequest, asked: dict[str, str]) -> str:
    """The address of the form for the letters that *asked* chooses; empty if it has nothing
    to offer.
    """
    chosen = {name: asked[name] for name in CHOSEN if asked.get(name)}
    try:
        letters, _ = _sample(request, chosen)
    except RefusedFormError:
        return ""  # the other form says why
    if not wrong_places(letters):
        return ""
    return f"{reverse('admin:dlq_review_operation_edit')}?{urlencode(chosen)}"


def edit_many(request: HttpRequest) -> HttpResponse:
    """Show the form. A POST freezes the list and redirects to it; nothing is changed."""
    check_may_operate(request, Operation.Kind.REPAIR)
    sent = request.POST if request.method == "POST" else request.GET
    chosen = {name: sent[name] for name in CHOSEN if sent.get(name)}
    context: dict[str, Any] = {
        "title": "Edit many",
        "chosen": chosen,
        "as_json": _as_json(chosen),
        "searched": searched(request, chosen),
    }
    try:
        letters, more = _sample(request, chosen)
    except RefusedFormError as error:
        messages.error(request, str(error))
        return page(request, "dlq_review/edit_many.html", context | {"refused": True})
    places = wrong_places(letters)
    place = next((one for one in places if one.pointer == sent.get("path")), None)
    place = place or next(iter(places), None)
    if place is not None and request.method == "POST":
        try:
            return _freeze(request, chosen, place)
        except ReviewError as error:
            messages.error(request, str(error))
            context["not_made"] = True
    context |= {"sample": len(letters), "more": more}
    context["places"] = [(one, _link(chosen, one)) for one in places]
    shown = _shown(request, place) if place is not None else {}
    return page(request, "dlq_review/edit_many.html", {**context, **shown})


def _shown(request: HttpRequest, place: WrongPlace) -> dict[str, Any]:
    """The form for *place*, with what was typed into it."""
    sent = request.POST
    typed = dict(zip(sent.getlist("was"), sent.getlist("new"), strict=False))
    removed = set(sent.getlist("remove"))
    rows = _rows(place)
    for row in rows:
        row["typed"] = typed.get(row["json"], "")[:LONGEST_NEW]
        row["removed"] = row["json"] in removed
    return {
        "place": place,
        "values": rows,
        "others": max(0, len(place.values) - MOST_VALUES),
        "compute": sent.getlist("compute"),
        "reason": sent.get("reason", "")[:500],
        "repair": request.method == "GET" or "redrive" in sent,
    }


def _sample(
    request: HttpRequest, chosen: dict[str, str]
) -> tuple[list[DeadLetter], bool]:
    """The newest letters that *chosen* finds, and whether there are more.

    A search finds what the list does. Raises RefusedFormError if *chosen* is no selection.
    """
    form = OperationForm({**_PLAN, **chosen, "kind": "redrive", "reason": "x"})
    if not form.is_valid():
        raise RefusedFormError(" ".join(_refusals(form)))
    selection = form.selection()
    # Only a frozen list asks bodies about personal data: that is on record.
    reads = bool(selection.search) and not needs_reveal(selection)
    masked = not (reads and may(request.user, "reveal"))
    selection = replace(selection, masked=masked)
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
    cases = _cases(place, request.POST)
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


def _cases(place: WrongPlace, sent: QueryDict) -> list[list[dict[str, Any]]]:
    """A case for each wrong value that gets a new one, and one for all that is computed."""
    known = {row["json"] for row in _rows(place)}
    given = zip(sent.getlist("was"), sent.getlist("new"), strict=False)
    removed = set(sent.getlist("remove"))
    computed = [one for one in place.computed if one in sent.getlist("compute")]
    steps = [{"op": "compute", "path": one} for one in computed]
    cases = [
        [*_case(place, was, new.strip(), remove=was in removed), *steps]
        for was, new in given
        if was in known and (new.strip() or was in removed)
    ]
    return [*cases, steps] if place.pointer in computed else cases


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
        raise RefusedFormError(" ".join(_refusals(form)))
    if not may_freeze(request, form):
        raise RefusedFormError(" ".join(_refusals(form)))
    operation = freeze(request, form)
    return redirect("admin:dlq_review_operation_change", operation.pk)


def _refusals(form: OperationForm) -> list[str]:
    """A sentence for each error: most of the fields are hidden on this page."""
    found = []
    for name, errors in form.errors.as_data().items():
        for sentence in (text for one in errors for text in one.messages):
            if name == NON_FIELD_ERRORS:
                found.append(sentence)
            elif name == "reason" and not str(form["reason"].value() or "").strip():
                found.append("Give a reason.")
            else:
                found.append(f"{form[name].label}: {sentence}")
    return found
