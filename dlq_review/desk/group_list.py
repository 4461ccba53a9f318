"""What the list of groups shows beside its rows, and what is done there."""

from datetime import datetime
from typing import Any, cast
from urllib.parse import quote_plus

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST

from dlq_review.desk.responses import needs
from dlq_review.groups.last_look import last_look, look
from dlq_review.models import FailureGroup
from processing.models import User

MOST_NEW = 1_000  # groups counted


def context(request: HttpRequest) -> dict[str, Any]:
    since = last_look(cast(User, request.user))
    return {
        "since": since,
        "until": timezone.now().isoformat(),
        "new": _new(since) if since else "",
        "kept": kept(request.GET.urlencode()),
    }


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
    count = found.order_by()[:MOST_NEW].count()
    return f"{count:,}{'+' if count == MOST_NEW else ''}"


@require_POST
@needs("view")
def looked(request: HttpRequest) -> HttpResponse:
    """This person has looked through the list, as it was when its page was made."""
    try:
        until = parse_datetime(request.POST.get("until", ""))
    except ValueError:
        until = None
    if until is not None and timezone.is_aware(until):
        look(cast(User, request.user), until)
    return back(request)
