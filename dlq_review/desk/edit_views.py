"""Edit one letter: as a form made from its contract, or as text.

Only *Save* stores anything. Every other button shows the page again with all that was typed.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from dlq_review.bodies import formatting
from dlq_review.bodies.body_form import NoFormError
from dlq_review.bodies.examples import example
from dlq_review.bodies.json_patch import PatchError
from dlq_review.desk import edit_draft
from dlq_review.desk.edit_draft import Draft
from dlq_review.desk.edit_page import edit_context, with_suggestions
from dlq_review.desk.forms import EditForm
from dlq_review.desk.group_list import kept
from dlq_review.desk.letter_place import list_query
from dlq_review.desk.letter_views import redrive_one, with_letter
from dlq_review.desk.responses import check_may, needs, page
from dlq_review.errors import ReviewError
from dlq_review.letters import current_event, revisions
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import DeadLetter
from dlq_review.permissions import may
from dlq_review.search.row_numbers import row_number
from processing.events.contracts import CONTRACTS

_SAVES = {"save", "redrive"}
_OTHER_ACTS = {"as", "add", "remove", "suggest"}


@needs("edit")
@with_letter
def edit(request: HttpRequest, letter: DeadLetter) -> HttpResponse:
    masked = not may(request.user, "reveal")
    start = Draft(current_event.current(letter), masked)
    if request.method != "POST":
        return _show(request, letter, _opened(request, letter, start), EditForm())
    if masked and "patch" not in request.POST:
        check_may(request, "reveal")
    try:
        draft = _sent(request, letter, masked=masked)
    except (PatchError, NoFormError) as error:
        messages.error(request, f"Not saved. {error}")
        return _show(request, letter, start, _form(request, start))
    if _OTHER_ACTS & request.POST.keys():
        return _step(request, letter, draft)
    return _save(request, letter, draft)


def _opened(request: HttpRequest, letter: DeadLetter, draft: Draft) -> Draft:
    """The draft that the page begins with: as a form if there is one."""
    wanted = request.GET.get("example", "")
    if draft.masked or len(draft.base.body) > revisions.LONGEST_EDIT:
        return draft
    if wanted in CONTRACTS and letter.state == DeadLetter.State.QUARANTINED:
        text = formatting.pretty(example(wanted, letter.request_id))
        return Draft(draft.base, masked=False, typed=text)
    try:
        draft.form({})
    except NoFormError:
        return _as_read(draft)
    return _as_read(draft) if request.GET.get("as") == "text" else draft


def _as_read(draft: Draft) -> Draft:
    indented, cut = formatting.shown(draft.base.body)
    text = draft.base.body if cut else indented
    return Draft(draft.base, masked=False, typed=text)


def _sent(request: HttpRequest, letter: DeadLetter, *, masked: bool) -> Draft:
    """The draft of the page. Raises PatchError or NoFormError."""
    sent = request.POST
    number = row_number(sent.get("based_on", "")) if sent.get("based_on") else 0
    draft = edit_draft.draft_of(letter, sent, based_on=number, masked=masked)
    if "patch" not in sent:
        return Draft(draft.base, masked, typed=sent.get("body", ""))
    dropped = [*sent.getlist("drop"), *sent.getlist("remove")]
    return edit_draft.with_typed(draft, sent, dropped)


def _step(request: HttpRequest, letter: DeadLetter, draft: Draft) -> HttpResponse:
    """Show the page again, after a step that saves nothing."""
    said = ""
    try:
        if "suggest" in request.POST:
            draft, said = with_suggestions(letter, draft, request.POST["suggest"])
            messages.info(
                request, "Filled in, and not saved yet. Look at it, then save."
            )
        elif request.POST.get("as") == "text" and not draft.masked:
            draft = edit_draft.as_text(draft)
        elif request.POST.get("as") == "form":
            draft = edit_draft.as_form(draft)
    except (PatchError, NoFormError) as error:
        messages.error(request, f"That is not possible. {error}")
    reason = request.POST.get("reason", "") or said
    form = EditForm(initial={"reason": reason[:500]})
    return _show(request, letter, draft, form)


def _save(request: HttpRequest, letter: DeadLetter, draft: Draft) -> HttpResponse:
    if "redrive" in request.POST:
        check_may(request, "redrive")
    if draft.typed is None:
        draft = edit_draft.without_empty(draft)
    form = _form(request, draft)
    if draft.base.number != letter.revision:
        return _stale(request, letter, draft)
    if not form.is_valid():
        return _show(request, letter, draft, form)
    try:
        _saved(request, letter, draft, form)
    except current_event.NotAnEventError:
        return _show(request, letter, draft, form)
    except revisions.StaleEditError:
        return _stale(request, letter, draft)
    except ReviewError as error:
        messages.error(request, f"Not saved. {error}")
        return _show(request, letter, draft, form)
    url = reverse("admin:dlq_review_deadletter_change", args=[letter.pk])
    return redirect(f"{url}{kept(list_query(request))}")


def _saved(
    request: HttpRequest, letter: DeadLetter, draft: Draft, form: EditForm
) -> None:
    revision = revisions.edit(
        letter,
        form.cleaned_data["body"],
        based_on=draft.base.number,
        by=request.user.get_username(),
        reason=form.cleaned_data["reason"],
    )
    messages.success(request, f"Saved revision {revision.number} of {letter}.")
    if "redrive" in request.POST:
        redrive_one(request, letter, reason=form.cleaned_data["reason"])


def _stale(request: HttpRequest, letter: DeadLetter, draft: Draft) -> HttpResponse:
    messages.error(request, str(revisions.stale(letter, draft.base.number)))
    letter.refresh_from_db()
    moved = _rebased(request, letter, draft)
    return _show(request, letter, moved, _form(request, moved))


def _rebased(request: HttpRequest, letter: DeadLetter, draft: Draft) -> Draft:
    """*draft* on the newest revision, so that only what was changed here replaces that."""
    newest = current_event.current(letter)
    moved = Draft(newest, draft.masked, draft.patch, draft.typed)
    try:
        moved.check()
        if draft.typed is None:
            moved.form({})
    except (PatchError, NoFormError) as error:
        if not draft.masked:
            return Draft(newest, masked=False, typed=draft.text)
        messages.error(request, f"Your changes do not fit the newer revision. {error}")
        return Draft(newest, masked=True)
    return moved


def _form(request: HttpRequest, draft: Draft) -> EditForm:
    sent = request.POST
    return EditForm(
        {
            "body": draft.text,
            "reason": sent.get("reason", ""),
            "based_on": sent.get("based_on", ""),
        }
    )


def _show(
    request: HttpRequest, letter: DeadLetter, draft: Draft, form: EditForm
) -> HttpResponse:
    if not draft.masked:
        note_reveal(request.user.get_username(), "Its edit page", letter)
    context = edit_context(request, letter, draft, form)
    title = f"Not saved: {letter}" if form.is_bound else f"Edit {letter}"
    context |= {"title": title, "kept": kept(list_query(request))}
    return page(request, "dlq_review/edit.html", context)
