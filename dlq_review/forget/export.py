"""What is held on a person, as lines of JSON: one for each row."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet

from dlq_review.forget.holdings import Holdings
from dlq_review.forget.ownership import owns
from dlq_review.models import Arrival, AuditEntry, DeadLetter, Revision
from processing.models import OrderItem, OrderReturn, Outcome, Signup, SpooledEvent

_SECRET = {"password"}


def lines(held: Holdings) -> Iterator[str]:
    """The person's own rows whole; of a row that only names them, where it does."""
    own: set[tuple[str, Any]] = set()
    for rows in _own(held):
        for row in rows:
            own.add((row._meta.db_table, row.pk))
            yield _line(row, {"row": _fields(row)})
    for row, fields in held.mentions():
        if (row._meta.db_table, row.pk) not in own:
            yield _line(row, {"names_you_in": fields})


def _own(held: Holdings) -> Iterator[QuerySet[Any] | list[Any]]:
    letters = DeadLetter.objects.filter(pk__in=held.letters)
    yield held.orders()
    yield OrderItem.objects.filter(order__in=held.order_ids)
    yield OrderReturn.objects.filter(order__in=held.order_ids)
    yield held.accounts()
    yield Signup.objects.filter(account__in=held.accounts())
    yield SpooledEvent.objects.filter(pk__in=held.spooled())
    yield Outcome.objects.filter(pk__in=held.requests())
    yield held.attempts()
    yield letters
    yield AuditEntry.objects.filter(letter__in=letters)
    for model in (Revision, Arrival):
        bodies = model._base_manager.filter(letter__in=letters).exclude(body="")
        yield [one for one in bodies if owns(held.address, held.order_ids, one.body)]


def _fields(row: Model) -> dict[str, Any]:
    names = [one.attname for one in row._meta.concrete_fields]
    return {name: getattr(row, name) for name in names if name not in _SECRET}


def _line(row: Model, more: dict[str, Any]) -> str:
    told = {"table": row._meta.db_table, "key": row.pk, **more}
    return json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False)
