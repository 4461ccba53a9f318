"""Stop or end a policy that must not go on, and say why.

It stops when its owner may not schedule redrives any more, when the brake of a run acted,
when a letter that it redrove fails with an error that none of its letters had before, and
when too many of its last outcomes failed again. It ends after its last day.
"""

from contextlib import suppress

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from dlq_review.groups.plain_words import error_named
from dlq_review.models import DeadLetter, Operation, OperationItem, RedrivePolicy
from dlq_review.operations import control
from dlq_review.operations.progress import ENOUGH, NEVER, tallies
from dlq_review.permissions import may, may_schedule
from dlq_review.schedule import steering
from dlq_review.search.selections import Selection
from dlq_review.search.veil import needs_reveal

_LAST = 50  # runs whose outcomes are counted together
_Item = OperationItem.State


def look_at_all() -> list[RedrivePolicy]:
    """Stop the active policies that must not go on, and end those that are over."""
    active = Q(state=RedrivePolicy.State.ACTIVE)
    over = ~Q(state=RedrivePolicy.State.ENDED) & Q(until__lt=RedrivePolicy.today())
    found = RedrivePolicy.objects.filter(active | over)
    return [policy for policy in found.order_by("pk") if look_at(policy)]


def look_at(policy: RedrivePolicy) -> bool:
    """Stop or end *policy* if it must not go on; False if it may."""
    if policy.is_over:
        with suppress(control.WrongStepError):  # another process was first
            steering.expire(policy)
        return True
    why = _owner_trouble(policy) or _trouble_with_runs(policy)
    if why:
        with suppress(control.WrongStepError):
            steering.stop(policy, why)
    return bool(why)


def _owner_trouble(policy: RedrivePolicy) -> str:
    """A sentence without the name of its owner, which may be a mail address: alerts say it."""
    user = get_user_model().objects.filter(username=policy.owner).first()
    if user is None or not user.is_active:
        return "Its owner is not an active user any more."
    if not may_schedule(user):
        return "Its owner may not schedule redrives any more."
    asked = Selection.from_json(policy.selection)
    if not policy.masked and needs_reveal(asked) and not may(user, "reveal"):
        return "Its owner may not see personal data any more."
    return ""


def _trouble_with_runs(policy: RedrivePolicy) -> str:
    runs = policy.runs.filter(created_at__gte=policy.counted_from).order_by("-pk")
    last = runs.first()
    if last is None:
        return ""
    if last.braked:
        return f"{last} has stopped. {last.halted}"
    return _new_error(policy, last) or _share(policy, runs)


def _new_error(policy: RedrivePolicy, run: Operation) -> str:
    """The sentence about an error that none of its letters had before; its *run* pauses."""
    failed = run.items.filter(state=_Item.FAILED_AGAIN).values("letter")
    letters = DeadLetter.objects.filter(pk__in=failed)
    new = letters.exclude(error_type__in=policy.known_errors).order_by("pk").first()
    if new is None:
        return ""
    error = error_named(new.error_type)
    why = f"Letter {new.pk} failed with an error that is new here"
    why += f": {error}." if error else "."
    with suppress(control.WrongStepError):  # it has ended, or somebody paused it
        control.pause(run, halted=f"{policy} has stopped. {why}"[:300])
    return why


def _share(policy: RedrivePolicy, runs: QuerySet[Operation]) -> str:
    """The sentence about the share that failed again, of the last outcomes."""
    last = list(runs.values_list("pk", flat=True)[:_LAST])
    counts = tallies(last)
    known = failed = 0
    for run in last:
        outcomes, of_these = counts[run].outcomes
        known, failed = known + outcomes, failed + of_these
        if known >= ENOUGH:
            break
    too_many = 100 * failed >= policy.stop_at * known and failed > 0
    if known < ENOUGH or policy.stop_at == NEVER or not too_many:
        return ""
    return f"{failed} of its last {known} letters failed again."
