from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dlq_review.models import AlertDelivery

Deliveries = Sequence[AlertDelivery]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a setting, and the way out. It repeats no secret."""

    setting: str
    says: str
    advice: str


@dataclass(frozen=True, slots=True)
class Channel:
    name: str
    title: str
    setting: str
    """The variable that turns it on."""
    goes_to: Callable[[], str]
    """Where it leads, as far as that may be shown."""
    send: Callable[[Deliveries], None]
    """Send these as one message, without the database. Raises UndeliveredError."""
    problems: Callable[[], Iterator[Problem]]
    most: int = 1
    """Deliveries that one message takes."""
    forgets: bool = False
    """The receiver forgets what lasts, unless it is told again."""
