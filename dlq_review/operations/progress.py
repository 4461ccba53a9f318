"""The results of an operation's items so far."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.db.models import Count, Exists, OuterRef, Q

from dlq_review.models import Operation, OperationItem
from dlq_review.search.selections import Selection

MOST_READ = 500  # bodies that one page reads to count what is newer
ENOUGH = 10  # outcomes, before a share of them says anything
NEVER = 100  # percent
KEPT = 0.95  # of the rate that was asked for
_Item = OperationItem.State
#: The states of items that went to a worker.
TRIED = (_Item.SENT, _Item.PROCESSED, _Item.FAILED_AGAIN)
#: The state of an item that is done. One that was redriven has an outcome instead.
DONE = {
    Operation.Kind.DISCARD: _Item.DISCARDED,
    Operation.Kind.RESTORE: _Item.RESTORED,
    Operation.Kind.EDIT: _Item.EDITED,
    Operation.Kind.UNDO: _Item.UNDONE,
}


@dataclass(frozen=True, slots=True)
class Tally:
    by_state: Counter[str] = field(default_factory=Counter)

    @property
    def waiting(self) -> int:
        """Items that are to be done, wholly or in part."""
        return sum(self.by_state[state] for state in OperationItem.TO_DO)

    @property
    def sent(self) -> int:
        return self.by_state[_Item.SENT]

    @property
    def processed(self) -> int:
        return self.by_state[_Item.PROCESSED]

    @property
    def failed_again(self) -> int:
        return self.by_state[_Item.FAILED_AGAIN]

    @property
    def skipped(self) -> int:
        return self.by_state[_Item.SKIPPED]

    @property
    def discarded(self) -> int:
        return self.by_state[_Item.DISCARDED]

    @property
    def edited(self) -> int:
        return self.by_state[_Item.EDITED]

    @property
    def done_already(self) -> int:
        """Items that were not sent and have no outcome, because they were processed before."""
        return self.by_state[_Item.DONE_ALREADY]

    @property
    def outcomes(self) -> tuple[int, int]:
        """How many sent items have an outcome, and how many of these failed again."""
        return self.processed + self.failed_again, self.failed_again

    def brake(self, operation: Operation) -> str:
        """Why *operation* has to stop; empty if it may go on."""
        seen, seen_failed = operation.looked_at or (0, 0)
        known, failed = self.outcomes[0] - seen, self.outcomes[1] - seen_failed
        enough = ENOUGH
        if operation.canary and not operation.canary_over:
            enough = min(operation.canary, ENOUGH)
        if operation.stop_at == NEVER or known < max(enough, 1) or not failed:
            return ""
        if 100 * failed < operation.stop_at * known:
            return ""
        since = " since it was resumed" if seen else ""
        return f"Brake: {failed} of {known} failed again{since}."


def tally(operation: Operation) -> Tally:
    rows = operation.items.order_by().values_list("state").annotate(Count("pk"))
    return Tally(Counter(dict(rows)))


def tallies(operations: Iterable[int]) -> dict[int, Tally]:
    """The tally of each of *operations*, given by their numbers."""
    found: dict[int, Counter[str]] = {number: Counter() for number in operations}
    items = OperationItem.objects.filter(operation__in=found).order_by()
    rows = items.values_list("operation", "state").annotate(Count("pk"))
    for number, state, count in rows:
        found[number][state] = count
    return {number: Tally(counts) for number, counts in found.items()}


def rate_in_words(operation: Operation) -> str:
    """The rate that was asked for, and if a run took a second or more, the rate reached."""
    asked = f"{operation.rate}/s"
    if operation.reached is None:
        return asked
    if operation.reached >= KEPT * operation.rate:
        return f"{asked}, kept"
    return f"{asked}, but only {operation.reached}/s were reached"


def newer(operation: Operation) -> int:
    """Count the letters that match the selection but came after the list was frozen."""
    if operation.undoes_id is not None:
        return 0  # its list is that of the edit
    stored = Selection.from_json(operation.selection, masked=operation.masked)
    selection = replace(stored, policy=operation.policy_id)
    at = "settled_at" if selection.discarded else "last_failed_at"
    # One of its own letters that has failed again is on the list.
    listed = Exists(operation.items.filter(letter=OuterRef("pk")))
    since = Q(**{f"{at}__gt": operation.cutoff}) & ~Q(listed)
    if selection.search and not _any(replace(selection, search=""), since):
        return (
            0  # without a search, which a page that follows would do every two seconds
        )
    later = selection.candidates().filter(since)
    if selection.fields:
        return len(selection.matching(list(later[:MOST_READ])))
    return later[:10_000].count()


def _any(selection: Selection, since: Q) -> bool:
    return selection.candidates().filter(since).exists()
