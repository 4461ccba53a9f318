"""The pages of one dead letter.

A GET changes nothing, except that it records who saw personal data; each POST calls one
verb.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from dlq_review.desk import example_views
from dlq_review.desk.group_list import kept
from dlq_review.desk.letter_page import letter_context
from dlq_review.desk.letter_place import list_query
from dlq_review.desk.responses import View, check_may, needs, page
from dlq_review.errors import ChangedMeanwhileError, ReviewError
from dlq_review.letters import rehearsal, settlement
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import DeadLetter
from dlq_review.redrive import undo_window
from dlq_review.redrive.terms import Redrive, Terms
from dlq_review.search.row_numbers import row_number


def with_letter(view: View) -> View:
    """Look up the letter whose number is in the URL."""

    @wraps(view)
    def found(request: HttpRequest, letter_id: int, **rest: Any) -> HttpResponse:
        return view(request, get_object_or_404(DeadLetter, pk=letter_id), **rest)

    return found


@require_GET
@needs("view")
@with_letter
def detail(request: HttpRequest, letter: DeadLetter) -> HttpResponse:
    context = letter_context(request, letter)
    context["example"] = example_views.offer(request, letter)
    return _page(request, "dlq_review/letter.html", letter, context)


@require_POST
@needs("reveal")
@with_letter
def reveal(request: HttpRequest, letter: DeadLetter) -> HttpResponse:
    """Show the page with its personal data, and record in the trail who asked for it."""
    _note_reveal(request, letter, "Its page")
    context = letter_context(request, letter, masked=False)
    return _page(request, "dlq_review/letter.html", letter, context)


def _note_reveal(request: HttpRequest, letter: DeadLetter, where: str) -> None:
    note_reveal(request.user.get_username(), where, letter)


@require_POST
@needs("reveal")
@with_letter
def body(request: HttpRequest, letter: DeadLetter, number: int) -> HttpResponse:
    """One revision's text, byte for byte, as a file."""
    revision = get_object_or_404(letter.revisions, number=number)
    _note_reveal(request, letter, f"Revision {number} as a file")
    answer = HttpResponse(revision.body, content_type="text/plain; charset=utf-8")
    name = f"dead-letter-{letter.pk}-revision-{number}.txt"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_POST
@needs("rehearse")
@with_letter
def rehearse(request: HttpRequest, letter: DeadLetter) -> HttpResponse:
    """Changes nothing, but is a POST, because it runs the handler."""
    context = letter_context(request, letter)
    context["rehearsals"] = [rehearsal.rehearse(letter)]
    return _page(request, "dlq_review/letter.html", letter, context)


@require_POST
@needs("redrive")
@with_letter
def redrive(request: HttpRequest, letter: DeadLetter) -> HttpResponse:
    redrive_one(request, letter, _typed(request, "reason"))
    return HttpResponseRedirect(_back(request, letter))


def redrive_one(request: HttpRequest, letter: DeadLetter, reason: str) -> None:
    """Redrive *letter* on the terms of the form, and tell what came of it."""
    one = Redrive(letter, _seen(request, letter))
    terms = Terms(
        by=request.user.get_username(),
        reason=reason,
        override_limit="override_limit" in request.POST,
        to=request.POST.get("to", "")[:80],
    )
    try:
        state = undo_window.redrive_soon(one, terms)
    except ReviewError as error:
        messages.error(request, str(error))
    else:
        said = {
            "claimed": "",  # the page says so itself, beside the button that undoes it
            "redriven": f"{letter} is on its way. It is resolved here once processed.",
            "resolved": f"{letter} was processed already, so nothing was sent.",
        }
        if said[state]:
            messages.success(request, said[state])


def _seen(request: HttpRequest, letter: DeadLetter) -> int:
    """The number of the revision that the page showed."""
    seen = request.POST.get("revision", "")
    return row_number(seen) if seen else letter.revision


@require_POST
@needs("undo")
@with_letter
def undo(request: HttpRequest, letter: DeadLetter) -> HttpResponse:
    try:
        undo_window.undo(letter, by=request.user.get_username())
    except ReviewError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Undone: {letter} was not sent.")
    return HttpResponseRedirect(_back(request, letter))


#: The ways in which a person settles a letter, by the last part of the URL.
SETTLEMENTS: dict[str, Callable[..., object]] = {
    "discard": settlement.discard,
    "restore": settlement.restore,
    "resolve": settlement.resolve,
}


@require_POST
def settle(request: HttpRequest, letter_id: int, verb: str) -> HttpResponse:
    """Apply *verb*, one of SETTLEMENTS, with the typed reason."""
    check_may(request, verb)
    letter = get_object_or_404(DeadLetter, pk=letter_id)
    more = {"by": request.user.get_username(), "reason": _typed(request, "reason")}
    if verb == "discard":
        more["message_for_sender"] = _typed(request, "told").strip()
    try:
        if _seen(request, letter) != letter.revision:
            raise ChangedMeanwhileError(ChangedMeanwhileError.__doc__)
        SETTLEMENTS[verb](letter, **more)
    except ReviewError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{letter} is {letter.get_state_display().lower()}.")
    return redirect(_url(request, letter))


def _typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "")[:500]


def _page(
    request: HttpRequest, template: str, letter: DeadLetter, context: dict[str, Any]
) -> HttpResponse:
    return page(request, template, {"title": str(letter), **context})


def _url(request: HttpRequest, letter: DeadLetter) -> str:
    """The page of *letter*, with its place in the list that the person came from."""
    url = reverse("admin:dlq_review_deadletter_change", args=[letter.pk])
    return f"{url}{kept(list_query(request))}"


def _back(request: HttpRequest, letter: DeadLetter) -> str:
    """The address of the list that the person came from, with its filters; else the
    letter's.
    """
    path = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(path, allowed_hosts={request.get_host()})
    return path if path.startswith("/") and here else _url(request, letter)
