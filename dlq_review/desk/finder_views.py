"""Where is it? The box in the header of every page, and the page of one request.

The box posts, so that an address never stands in a URL or a log. A link may ask by GET for
a name that is no personal data.
"""

from http import HTTPStatus
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from dlq_review.desk.outside_links import Outside, links, traces_of
from dlq_review.desk.responses import needs, page
from dlq_review.finder import lookup
from dlq_review.finder.lookup import Found
from dlq_review.finder.story import Story, tell
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import Arrival
from dlq_review.permissions import may
from processing.events.masking import mask_reference
from processing.models import REQUEST_ID_LENGTH
from processing.tracing.context import Trace


@require_http_methods(["GET", "POST"])
@needs("view")
def find_requests(request: HttpRequest) -> HttpResponse:
    """Go to the page of the one request that was asked for, or list those found."""
    posted = request.method == "POST"
    text = (request.POST if posted else request.GET).get("q", "").strip()
    personal = posted and may(request.user, "reveal")
    found = lookup.find(text, personal=personal)
    if personal and lookup.is_personal(text):
        note_reveal(
            request.user.get_username(), f"Whether {mask_reference(text)} is known"
        )
    if len(found.requests) == 1:
        receipt = f"?{urlencode({'receipt': found.receipt})}" if found.receipt else ""
        return redirect(reverse("admin:request", args=found.requests) + receipt)
    return _list(request, text, found, typed=posted)


def _list(
    request: HttpRequest, text: str, found: Found, *, typed: bool
) -> HttpResponse:
    context = {
        "title": "Find a request",
        "asked_for": mask_reference(text[: lookup.LONGEST]) if text else "",
        "found": found,
        "too_long": len(text) > lookup.LONGEST,
        "may_find_people": may(request.user, "reveal"),
        "typed": typed,
    }
    none = text and not found.hits
    status = HTTPStatus.NOT_FOUND if none and not found.hidden else HTTPStatus.OK
    return page(request, "dlq_review/find.html", context, status=status)


@require_GET
@needs("view")
def show_request(request: HttpRequest, request_id: str) -> HttpResponse:
    if len(request_id) > REQUEST_ID_LENGTH:
        raise Http404
    receipt = lookup.receipt_in(request.GET.get("receipt", ""))
    genuine = receipt is not None and receipt.request_id == request_id
    story = tell(request_id, genuine=genuine)
    context = {
        "title": f"Request {request_id}",
        "story": story,
        "outside": _outside(story),
        "rows": [(_kind(row), row, _link(request, row)) for row in story.rows.all],
    }
    return page(request, "dlq_review/request.html", context)


def _outside(story: Story) -> Outside:
    arrivals = Arrival.objects.filter(letter__in=story.rows.letters)[: lookup.MOST]
    spooled = story.rows.spooled
    return links(
        story.request_id,
        story.rows.correlation_id,
        [Trace.of_text(spooled.trace) if spooled else None, *traces_of(arrivals)],
        [one.at for one in story.moments],
    )


def _kind(row: models.Model) -> str:
    return str(row._meta.verbose_name).capitalize()


def _link(request: HttpRequest, row: models.Model) -> str:
    """The address of the page of *row*; empty if this person may not see it."""
    site = admin.site
    if not site.is_registered(type(row)):
        return ""
    if not site.get_model_admin(type(row)).has_view_permission(request, row):
        return ""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[quote(row.pk)])
