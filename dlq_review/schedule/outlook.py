"""The effect that a run of a policy would have if it began now."""

from dataclasses import dataclass

from dlq_review.models import RedrivePolicy
from dlq_review.schedule import runs

MOST_READ = 500  # bodies that one page reads
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Outlook:
    would_take: int
    matching: int
    """Letters that it may take, of which it takes the oldest; at most MOST_COUNTED."""
    read: int
    """The bodies that were read for this, if it has conditions."""
    all_read: bool = True

    @property
    def more(self) -> int:
        """Letters that it would leave to later runs."""
        return self.matching - self.would_take


def outlook(policy: RedrivePolicy) -> Outlook:
    chosen = runs.selection(policy)
    if not chosen.fields:
        matching = chosen.candidates().order_by()[:MOST_COUNTED].count()
        return Outlook(min(matching, policy.most), matching, 0)
    letters = list(chosen.candidates()[: MOST_READ + 1])
    all_read = len(letters) <= MOST_READ
    matching = len(chosen.matching(letters[:MOST_READ]))
    read = min(len(letters), MOST_READ)
    return Outlook(min(matching, policy.most), matching, read, all_read)
