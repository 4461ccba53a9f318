"""What became of an operation's items so far."""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count

from dlq_review.models import Operation, OperationItem
from dlq_review.selecting import Selection

MOST_READ = 500  # bodies that one page reads to count what is newer
_Item = OperationItem.State


@dataclass(frozen=True, slots=True)
class Tally:
    by_state: Counter[str] = field(default_factory=Counter)

    @property
    def waiting(self) -> int:
        return self.by_state[_Item.WAITING]

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
    def fixed(self) -> int:
        return self.by_state[_Item.FIXED]

    @property
    def undone(self) -> int:
        return self.by_state[_Item.UNDONE]

    @property
    def finished(self) -> int:
        return self.processed + self.failed_again

    def brakes(self, stop_at: int) -> bool:
        share = 100 * self.failed_again
        return stop_at < 100 and bool(share) and share >= stop_at * self.finished


def tally(operation: Operation) -> Tally:
    rows = operation.items.order_by().values_list("state").annotate(Count("pk"))
    return Tally(Counter(dict(rows)))


def newer(operation: Operation) -> int:
    """How many have failed since the list was frozen that it would have chosen."""
    if operation.undoes_id is not None:
        return 0  # its list is that of the fix
    selection = Selection.from_json(operation.selection)
    later = selection.candidates().filter(last_failed_at__gt=operation.cutoff)
    if selection.fields:
        return len(selection.matching(list(later[:MOST_READ])))
    return later[:10_000].count()
