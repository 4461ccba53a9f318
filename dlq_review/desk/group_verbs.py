"""The verbs on a failure group, and the fields of their forms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from dlq_review.groups import handover, merge
from dlq_review.groups import triage as verbs
from dlq_review.models import FailureGroup
from dlq_review.search.row_numbers import row_number
from processing.models import User


@dataclass(frozen=True, slots=True)
class Step:
    """One POST of a verb, with the fields of its form."""

    group: FailureGroup
    by: str
    seen: int
    """The newest entry of the audit trail when the page was made."""
    reason: str
    note: str
    into: str
    to: str

    @classmethod
    def of(
        cls, request: HttpRequest, group: FailureGroup, seen: int | None = None
    ) -> Self:
        return cls(
            group,
            by=request.user.get_username(),
            seen=seen_by(request, group) if seen is None else seen,
            reason=reason_in(request),
            note=note_in(request),
            into=request.POST.get("into", ""),
            to=request.POST.get("to", ""),
        )


def seen_by(request: HttpRequest, group: FailureGroup) -> int:
    """The audit entry that the page names; without one, the person's own last entry."""
    seen = request.POST.get("seen", "")
    by = request.user.get_username()
    return row_number(seen) if seen else verbs.newest_entry(group, by)


def reason_in(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:500]


def note_in(request: HttpRequest) -> str:
    return request.POST.get("note", "").replace("\r\n", "\n")[:5_000]


def _acknowledge(step: Step) -> str:
    verbs.acknowledge(step.group, by=step.by, seen=step.seen)
    return ""


def _resolve(step: Step) -> str:
    verbs.resolve_group(step.group, by=step.by, seen=step.seen)
    return ""


def _annotate(step: Step) -> str:
    verbs.annotate(step.group, step.note, by=step.by, seen=step.seen)
    return ""


def _give(step: Step) -> str:
    to = User.objects.filter(pk=row_number(step.to)).first()
    if handover.give(step.group, to, step.reason, by=step.by, seen=step.seen):
        return f"Given to {to}, who is told by mail."
    return f"Given to {to}, who has no mail address: tell them yourself."


def _give_back(step: Step) -> str:
    handover.give_back(step.group, step.reason, by=step.by, seen=step.seen)
    return "Given back. Nobody has the group now."


def _merge(step: Step) -> str:
    into = get_object_or_404(FailureGroup, pk=row_number(step.into))
    merge.merge(step.group, into, by=step.by, reason=step.reason, seen=step.seen)
    return "Merged. New failures of the merged group are added here."


def _split(step: Step) -> str:
    merge.split(step.group, by=step.by, reason=step.reason, seen=step.seen)
    return "Split off. The group has its own letters again."


#: The verbs of the group page by the last part of their URL. Each returns the message of
#: the next page; empty if the page shows the result anyway.
VERBS: dict[str, Callable[[Step], str]] = {
    "acknowledge": _acknowledge,
    "resolve": _resolve,
    "annotate": _annotate,
    "give": _give,
    "give_back": _give_back,
    "merge": _merge,
    "split": _split,
}
