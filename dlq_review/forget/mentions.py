"""Put the pseudonym in place of the address, wherever a text still names it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import transaction

from dlq_review.forget import texts
from dlq_review.forget.address import Address
from dlq_review.forget.holdings import STEP, Holdings
from dlq_review.letters import current_event
from dlq_review.models import DeadLetter, Revision
from processing.models import Repair


def replace_all(held: Holdings) -> Iterator[int]:
    """Replace the address wherever else a text names it."""
    for model in texts.models():
        found = texts.naming(held.address, texts.changeable(model))
        numbers = (row.pk for row, _ in found)
        while some := list(islice(numbers, STEP)):
            yield _replace(held.address, model, some)


@transaction.atomic
def _replace(address: Address, model: type[Any], numbers: list[Any]) -> int:
    rows = texts.changeable(model).filter(pk__in=numbers).order_by("pk")
    replaced = 0
    for row in rows.select_for_update(of=("self",)):
        if model._meta.app_label == "axes":  # who tried to log in
            row.delete()
        elif changed := texts.changes(address, row):
            model._base_manager.filter(pk=row.pk).update(**changed)
            if model is Revision:
                _sign_again(row, changed.get("body", row.body))
        else:
            continue
        replaced += 1
    return replaced


def _sign_again(revision: Revision, body: str) -> None:
    """Let a discarded letter, which may be restored and redriven, hold what it now says."""
    letter = revision.letter
    current = revision.number == letter.revision
    if letter.state != DeadLetter.State.DISCARDED or not current:
        return
    became = current_event.fingerprint(body, letter.request_id)
    Revision.objects.filter(pk=revision.pk).update(fingerprint=became)
    DeadLetter.objects.filter(pk=letter.pk).update(body_fingerprint=became)
    if revision.fingerprint and became:  # so that its receipt knows it again
        Repair.objects.get_or_create(
            request_id=letter.request_id, asked=revision.fingerprint, became=became
        )
