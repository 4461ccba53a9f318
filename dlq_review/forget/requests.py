"""Erase the person's requests at the desk and in the spool."""

from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from dlq_review.forget.holdings import Holdings, steps
from dlq_review.forget.ownership import owns
from dlq_review.letters import retention, settlement
from dlq_review.letters.transitions import lock
from dlq_review.models import Arrival, DeadLetter, Revision
from processing.events import envelope
from processing.events.errors import EventError
from processing.models import Outcome, SpooledEvent

REASON = "Erased at the person's request."


def spooled(held: Holdings) -> Iterator[int]:
    for request in held.spooled():
        yield _discard_spooled(request)


@transaction.atomic
def _discard_spooled(request: str) -> int:
    """The relay may have sent it meanwhile; then it arrives, and the next run finds it."""
    row = SpooledEvent.objects.select_for_update().filter(pk=request).first()
    if row is None:
        return 0
    try:
        event = envelope.parse(row.body, fallback_id=row.pk)
        known = {
            "fingerprint": event.fingerprint,
            "correlation_id": event.correlation_id,
        }
    except EventError:
        known = {"fingerprint": "", "correlation_id": row.pk}
    type = envelope.identify(row.body, fallback_id=row.pk).type
    kind = Outcome.Kind.DISCARDED
    Outcome.objects.get_or_create(
        request_id=row.pk, defaults={"kind": kind, "type": type, **known}
    )
    retention.forget_errors([row.pk])  # SQS may have taken it without an answer
    row.delete()
    return 1


def waiting(held: Holdings) -> Iterator[int]:
    for number in held.waiting():
        letter = DeadLetter.objects.get(pk=number)
        settlement.discard(letter, by="", reason=REASON)
        yield 1


def letters(held: Holdings) -> Iterator[int]:
    for some in steps(sorted(held.letters)):
        with transaction.atomic():
            requests = DeadLetter.objects.filter(pk__in=some)
            lock(*requests.values_list("request_id", flat=True))
            settled = requests.filter(state__in=DeadLetter.SETTLED, purged_at=None)
            letters = dict(settled.values_list("pk", "request_id"))
            shared = {pk: one for pk, one in letters.items() if _is_shared(held, pk)}
            retention.purge_these({k: v for k, v in letters.items() if k not in shared})
            for number, request in shared.items():
                _purge_share(held, number, request)
        yield len(letters)


def _bodies(number: int) -> Iterator[Revision | Arrival]:
    for model in (Revision, Arrival):
        yield from model._base_manager.filter(letter=number).exclude(body="")


def _is_shared(held: Holdings, number: int) -> bool:
    """Whether another person's request came under the same id."""
    return not all(
        owns(held.address, held.order_ids, one.body) for one in _bodies(number)
    )


def _purge_share(held: Holdings, number: int, request: str) -> None:
    """Purge the person's bodies and the texts about both; the other's bodies stay."""
    letter = DeadLetter.objects.get(pk=number)
    for row in _bodies(number):
        if not owns(held.address, held.order_ids, row.body):
            continue
        row.body = ""
        if isinstance(row, Arrival):
            row.attributes, row.attribute_types = {}, {}
        elif row.number == letter.revision:
            letter.purged_at = timezone.now()
            letter.reference = letter.customer_id = letter.error_text = ""
        row.save()
    letter.save(update_fields=["purged_at", "reference", "customer_id", "error_text"])
    retention.forget_errors([request])
