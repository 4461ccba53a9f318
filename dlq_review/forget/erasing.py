"""Erase what is held on one person, or put a pseudonym in its place.

Crash order: each step is many small transactions, and each of these erases what it leads to
together with what leads there: the texts of an order's attempts with the address of the
order. So a run that was stopped leaves nothing that the next one cannot find. Settled
letters lose their bodies as in a purge; their ids and states stay, so a late copy is
recognised and the books balance.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from django.db import transaction
from django.utils import timezone

from dlq_review.errors import ReviewError
from dlq_review.forget import accounts, mail, mentions, requests
from dlq_review.forget.address import Address
from dlq_review.forget.holdings import STEP, Holdings, steps
from dlq_review.letters import retention
from dlq_review.models import Erasure
from processing.models import Order, OrderReturn


class BlockedError(ReviewError):
    """Nothing was erased. Each line says what has to be done first."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self.sentences = list(sentences)
        super().__init__(BlockedError.__doc__)


def blocks(held: Holdings, *, also_waiting: bool) -> Iterator[str]:
    """A sentence for each thing that has to be done before the person is forgotten."""
    for user in held.accounts().filter(is_staff=True):
        yield (
            f"User {user.pk} with this address is a member of staff. Take the rights away"
            " first, under Staff members."
        )
    for number in held.under_way():
        yield f"Dead letter {number} is being redriven. Wait for its outcome."
    for what in held.unfinished():
        yield f"{what} is not over and names the person. End it first."
    if also_waiting:
        return
    for number in held.waiting():
        yield (
            f"Dead letter {number} is an accepted request that waits for staff. Settle it,"
            " or add --also-waiting to discard it unfulfilled."
        )
    for request in held.spooled():
        yield (
            f"The spool holds the accepted request {request}. Wait until SQS takes it, or"
            " add --also-waiting to discard it unfulfilled."
        )


def forget(
    address: Address,
    *,
    by: str,
    also_waiting: bool = False,
    progress: Callable[[str, int], None] = lambda what, done: None,
) -> Erasure:
    """Erase all that is held on *address*; *progress* is called after each step.

    Raises BlockedError.
    """
    held = Holdings(address)
    if blocked := list(blocks(held, also_waiting=also_waiting)):
        raise BlockedError(blocked)
    record, _ = Erasure.objects.get_or_create(
        person=address.person, ended_at=None, defaults={"by": by}
    )
    for what, erase in _STEPS.items():
        for done in erase(held):
            record.counts = Counter(record.counts) + Counter({what: done})
            record.save(update_fields=["counts"])
            progress(what, record.counts[what])
    record.by, record.ended_at = by, timezone.now()
    record.save(update_fields=["by", "ended_at"])
    return record


def _attempts(held: Holdings) -> Iterator[int]:
    for some in steps(list(held.attempts().values_list("request_id", flat=True))):
        yield retention.forget_errors(some)


def _orders(held: Holdings) -> Iterator[int]:
    while orders := list(held.orders().order_by("pk")[:STEP]):
        with transaction.atomic():
            returns = OrderReturn.objects.filter(order__in=orders)
            returns.update(reason="")
            its = [*returns.values_list("request_id", flat=True)]
            its += [one.request_id for one in orders]
            retention.forget_errors(its)
            mine = Order.objects.filter(pk__in=[one.pk for one in orders])
            mine.update(email=held.address.pseudonymous_email)
        yield len(orders)


def _returns(held: Holdings) -> Iterator[int]:
    """Of orders that were pseudonymised before the return came."""
    yield held.returns().update(reason="")


def _mail(held: Holdings) -> Iterator[int]:
    yield mail.erase(held.address)


#: In this order: what is found through an order or an account goes before it.
_STEPS: dict[str, Callable[[Holdings], Iterator[int]]] = {
    "spooled events discarded": requests.spooled,
    "waiting letters discarded": requests.waiting,
    "letters purged": lambda held: requests.letters(Holdings(held.address)),
    "sessions deleted": accounts.sessions,
    "attempts purged": _attempts,
    "orders pseudonymised": _orders,
    "returns purged": _returns,
    "accounts erased": accounts.accounts,
    "texts changed": mentions.replace_all,
    "mail files erased": _mail,
}
