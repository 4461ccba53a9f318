"""The context of the page of one dead letter."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from dlq_review.bodies import difference, formatting
from dlq_review.desk.letter_actions import actions_for
from dlq_review.desk.letter_place import place_of
from dlq_review.desk.outside_links import links_of
from dlq_review.desk.request_summary import asked
from dlq_review.letters import current_event
from dlq_review.letters.current_event import Processed
from dlq_review.letters.timeline import attempts_of, timeline
from dlq_review.models import Arrival, AuditEntry, DeadLetter, Revision
from dlq_review.permissions import may
from dlq_review.redrive import targets
from dlq_review.search.veil import NOT_READ, Bare, Masked
from processing.s3 import bucket

MOST = 20  # revisions, and arrivals, on one page


def letter_context(
    request: HttpRequest, letter: DeadLetter, *, masked: bool = True
) -> dict[str, Any]:
    """The context for the page of *letter*.

    Personal data is shown only if *masked* is false.
    """
    revisions = list(letter.revisions.all()[: MOST + 1])
    current = next(one for one in revisions if one.number == letter.revision)
    arrivals = list(letter.arrivals.all()[:MOST])
    left_out = _left_out(letter, revisions, arrivals)
    bodies = [one.body for one in (current, *revisions)]
    bodies += [one.body for one in arrivals]
    look = _look(bodies, masked=masked, is_all=not any(left_out.values()))
    known = current_event.processed(letter)
    return {
        "letter": letter,
        "here": reverse("admin:dlq_review_deadletter_change", args=[letter.pk]),
        "masked": masked,
        "reference": look.reference(letter.reference),
        "error_text": look.error(letter.error_text),
        "left_out": left_out,
        "current": current,
        "targets": targets.of_type(letter.type),
        "warnings": _warnings(letter, current, known),
        "edits": _edits(revisions, look),
        **_request(request, letter, current, look, known),
        **_history(letter, arrivals, look),
        "outside": links_of(letter, arrivals),
        "place": place_of(request, letter),
    }


def _left_out(
    letter: DeadLetter, revisions: list[Revision], arrivals: list[Arrival]
) -> dict[str, int]:
    return {
        "revisions": max(0, letter.revisions.count() - len(revisions)),
        "arrivals": letter.arrivals.count() - len(arrivals),
    }


def _look(bodies: list[str], *, masked: bool, is_all: bool) -> Bare:
    if not masked:
        return Bare()
    # Mask as for an unreadable body: a body that is left out may hold other values.
    return Masked(bodies if is_all else [*bodies, NOT_READ])


def _request(
    request: HttpRequest,
    letter: DeadLetter,
    current: Revision,
    look: Bare,
    known: Processed,
) -> dict[str, Any]:
    """The request in the current body, and the actions that this person may take."""
    body, cut = formatting.shown(look.body(current.body))
    request_asked = asked(letter, current.body, look)
    valid = request_asked.event is not None
    actions = actions_for(request.user, letter, known, valid=valid)
    denials = [one.denied for one in actions.values() if one.denied]
    return {
        "asked": request_asked,
        "body": formatting.visible(body),
        "cut": cut,
        "actions": actions,
        "denials": list(dict.fromkeys(denials)),
        "may_reveal": may(request.user, "reveal"),
    }


def _history(letter: DeadLetter, arrivals: list[Arrival], look: Bare) -> dict[str, Any]:
    """The arrivals, the failed attempts, and the timeline."""
    attempts = attempts_of(letter, arrivals)
    return {
        "arrivals": [
            (
                one,
                look.attributes(one.beside),
                _shown(look.body(one.body)),
                bucket.console_url(one.archived_to),
            )
            for one in arrivals
        ],
        "archives": bool(settings.ARCHIVE_BUCKET),
        "attempts": [
            (one, look.error(one.error_text), look.trace(one.traceback))
            for one in attempts
        ],
        "unreported": max(0, letter.attempts - len(attempts)),
        "timeline": timeline(letter, attempts, ours=look.text, theirs=look.error),
    }


def _edits(
    revisions: list[Revision], look: Bare
) -> list[tuple[Revision, str, list[difference.Line]]]:
    """Each revision, with its reason and its difference to the one before."""
    return [
        (
            newer,
            look.error(newer.reason),
            [
                difference.Line(line.kind, formatting.visible(line.text))
                for line in look.diff(older.body, newer.body)
            ],
        )
        for newer, older in pairwise(revisions)
    ]


def _shown(body: str) -> str:
    return formatting.visible(body[: formatting.LONGEST_SHOWN])


def _warnings(letter: DeadLetter, current: Revision, known: Processed) -> list[str]:
    found: list[str] = []
    if letter.state in DeadLetter.EDITABLE:
        found += _before_redrive(letter, current, known)
    if letter.purged_at is not None:
        found.append(
            f"Its bodies were removed on {letter.purged_at:%d %B %Y}, after the retention "
            "of settled letters. Ids and history are kept."
        )
    if letter.overdue:
        found.append(
            "Redriven, and nothing has been heard of it since. Look at the queue and the "
            "workers; it is never sent again on its own."
        )
    return found


def _before_redrive(
    letter: DeadLetter, current: Revision, known: Processed
) -> Iterator[str]:
    if known.done:
        yield (
            "This request was processed already. A redrive only resolves it."
            if known.same
            else "This request id was processed with another body. A redrive is refused; "
            "discard it, or have it sent under a new request id."
        )
    last = letter.audit.first()
    if last is not None and last.verb == AuditEntry.Verb.NOT_SENT:
        yield f"The last redrive was not sent: {last.reason}. Try again later."
    edited_since = bool(current.by) and current.at > letter.last_failed_at
    same_code = bool(letter.release) and letter.release == settings.RELEASE
    if same_code and not edited_since:
        yield (
            f"Still the same code: it failed on release {letter.release}, which is what "
            "runs now. As it is, it will probably fail again."
        )
