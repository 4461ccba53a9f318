"""Hand a failure group over: who has it, and who is told.

A group is given by the person who has it, or by anybody while nobody has it. Somebody else
takes it over with a word. Crash order: {the owner; the trail; the event of the mail in the
spool} in one transaction -> commit -> the relay sends the event, and a worker the mail.
"""

from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from dlq_review.errors import ReasonMissingError, ReviewError
from dlq_review.groups.plain_words import plain_words
from dlq_review.groups.triage import (
    TakenError,
    check_stands,
    locked,
    state_when_owned,
)
from dlq_review.models import AuditEntry, FailureGroup
from dlq_review.permissions import who_may_see
from processing.delivery import spool
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.events.masking import mask
from processing.models import User

_State = FailureGroup.State
_Verb = AuditEntry.Verb


class NotYoursError(ReviewError):
    """You do not have this group, so you cannot give it back."""


class NoColleagueError(ReviewError):
    """Choose somebody else who may see dead letters."""


@transaction.atomic
def give(
    group: FailureGroup, to: User | None, note: str, *, by: str, seen: int | None = None
) -> bool:
    """Make *to* the owner, and mail them the note; False if they have no address.

    Raises SomebodyElsesError, MergedError, TakenError, NoColleagueError.
    """
    group = locked(group, seen)
    check_stands(group)
    if group.owner not in ("", by):
        raise TakenError(group.owner)
    may_see = to is not None and who_may_see().filter(pk=to.pk).exists()
    if to is None or to.get_username() == by or not may_see:
        raise NoColleagueError(NoColleagueError.__doc__)
    _change(group, _Verb.GIVEN, to.get_username(), note, by=by)
    return _tell(to, group, f"{by} gave you a failure group", note)


@transaction.atomic
def give_back(
    group: FailureGroup, note: str = "", *, by: str, seen: int | None = None
) -> None:
    """Leave *group* to nobody. Raises SomebodyElsesError, NotYoursError."""
    group = locked(group, seen)
    if group.owner != by:
        raise NotYoursError(NotYoursError.__doc__)
    _change(group, _Verb.GIVEN_BACK, "", note, by=by)


@transaction.atomic
def take_over(
    group: FailureGroup, note: str, *, by: str, seen: int | None = None
) -> bool:
    """Make *by* the owner instead of somebody else, and mail them the note; False if they
    get no mail.

    Raises SomebodyElsesError, MergedError, ReasonMissingError.
    """
    group = locked(group, seen)
    check_stands(group)
    if not note.strip():
        raise ReasonMissingError(ReasonMissingError.__doc__)
    former = owner_to_tell(group)
    _change(group, _Verb.TAKEN_OVER, by, note, by=by)
    if former is None or former.get_username() == by:
        return False
    return _tell(former, group, f"{by} took over a failure group of yours", note)


def owner_to_tell(group: FailureGroup) -> User | None:
    """The owner, as long as they have an address and may see the group."""
    owner = who_may_see().filter(username=group.owner, email__gt="")
    return owner.first()


def _change(
    group: FailureGroup, verb: AuditEntry.Verb, owner: str, note: str, *, by: str
) -> None:
    before, group.owner = group.owner, owner
    if owner:
        group.state = state_when_owned(group)
    elif group.state == _State.ACKNOWLEDGED:
        group.state = _State.OPEN
    group.save(update_fields=["owner", "state"])
    AuditEntry.note(group, verb, by=by, reason=mask(note), before=before, after=owner)


def _tell(person: User, group: FailureGroup, what: str, note: str) -> bool:
    """Mail *person* the note; False if they have no address. Call it in the transaction."""
    page = f"{settings.SITE_URL}/admin/dlq_review/failuregroup/{group.pk}/change/"
    what = _printable(what)
    about = f"{what}: {plain_words(group)}."
    try:
        mail = EmailRequested(
            recipient=person.email,
            subject=f"Holdfast: {what}"[:100],
            body="\n\n".join(filter(None, (about, _printable(mask(note)), page))),
        )
    except ValidationError:
        return False
    event = Event.new(mail)
    spool.record([event], cause=event.id)
    return True


def _printable(text: str) -> str:
    """*text* in one line, without the control characters that no mail takes."""
    return "".join(char if char.isprintable() else " " for char in text)
