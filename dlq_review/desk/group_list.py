"""What the list of groups shows beside its rows, and what is done there."""

from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote_plus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST

from dlq_review.desk.group_verbs import VERBS, Step
from dlq_review.desk.list_filters import OVER
from dlq_review.desk.responses import needs
from dlq_review.errors import ReviewError
from dlq_review.groups.last_look import last_look, look
from dlq_review.groups.triage import newest_entries
from dlq_review.models import FailureGroup
from dlq_review.permissions import may, who_may_see
from dlq_review.search.row_numbers import row_number
from processing.models import User

#: The verbs on the ticked groups; each is that of the page of one group.
MANY = {name: VERBS[name] for name in ("acknowledge", "give", "give_back", "resolve")}
MOST_NEW = 1_000  # groups counted
MOST_COLLEAGUES = 300  # to choose from


def context(request: HttpRequest) -> dict[str, Any]:
    since = last_look(cast(User, request.user))
    return {
        "since": since,
        "until": timezone.now().isoformat(),
        "new": _new(since) if since else "",
        "kept": kept(request.GET.urlencode()),
        "may_edit": may(request.user, "edit"),
        "colleagues": colleagues(request),
        "ticked": [one.partition("-")[0] for one in request.POST.getlist("chosen")],
        "typed_word": request.POST.get("reason", "")[:500],
        "typed_to": request.POST.get("to", ""),
    }


def colleagues(request: HttpRequest) -> list[User]:
    """Whom this person may give a group."""
    if not may(request.user, "edit"):
        return []
    return list(
        who_may_see().exclude(username=request.user.get_username())[:MOST_COLLEAGUES]
    )


def kept(query: str) -> str:
    """What a link to a group carries, so that one comes back to this very list."""
    return f"?list={quote_plus(query)}" if query else ""


def list_query(request: HttpRequest) -> str:
    """The query of the list from which one came to the page of a group."""
    query = QueryDict(request.GET.get("list", "")).urlencode()
    return f"?{query}" if query else ""


def back(request: HttpRequest) -> HttpResponse:
    """To the list, filtered and sorted as it was when the form was sent."""
    url = reverse("admin:dlq_review_failuregroup_changelist")
    query = request.GET.urlencode()
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def _new(since: datetime) -> str:
    found = FailureGroup.objects.filter(merged_into=None, appeared_at__gt=since)
    count = found.exclude(OVER).order_by()[:MOST_NEW].count()
    return f"{count:,}{'+' if count == MOST_NEW else ''}"


def with_newest_entries(
    groups: list[FailureGroup],
) -> tuple[list[FailureGroup], dict[int, int]]:
    """The rows of *groups*, read behind the newest audit entry of each, so a form that
    names the entry shows no less."""
    newest = newest_entries(groups)
    rows = FailureGroup.objects.in_bulk([group.pk for group in groups])
    return [rows[group.pk] for group in groups if group.pk in rows], newest


def act_on_many(request: HttpRequest) -> bool:
    """Apply the chosen verb to each ticked group by itself; say what was done, and to which
    it could not be done. Whether it was done to all."""
    verb = MANY.get(request.POST.get("verb", ""))
    ticked = {
        row_number(key): row_number(seen)
        for key, _, seen in (
            one.partition("-") for one in request.POST.getlist("chosen")
        )
    }
    groups = FailureGroup.objects.in_bulk(list(ticked))
    if verb is None or not groups:
        messages.error(request, "Tick at least one group.")
        return False
    refused = 0
    for key, group in sorted(groups.items()):
        step = Step.of(request, group, ticked[key])
        try:
            verb(step)
        except ReviewError as error:
            refused += 1
            messages.error(request, f"Left as it is, “{group.title[:100]}”: {error}")
    if done := len(groups) - refused:
        said = f"Done for {done} group{'' if done == 1 else 's'}."
        messages.success(request, said)
    return not refused


@require_POST
@needs("view")
def looked(request: HttpRequest) -> HttpResponse:
    """This person has looked through the list, as it was when its page was made."""
    try:
        until = parse_datetime(request.POST.get("until", ""))
        if until is not None and timezone.is_aware(until):
            look(cast(User, request.user), until.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    return back(request)
