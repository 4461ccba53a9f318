"""Every column of every table that holds text, and the rows that name an address there."""

import base64
import binascii
import json
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db.models import CharField, JSONField, Model, Q, QuerySet, TextField

from dlq_review.forget.address import Address, as_text
from dlq_review.models import Arrival, DeadLetter, Operation, RedrivePolicy, Revision
from processing.models import Order, SpooledEvent

WINDOW = 2_000  # rows that one statement looks through
Changes = dict[str, Any]
"""New values of a row's fields, by their names."""
#: Erased or kept as a whole elsewhere: the address of an order is compared, not searched.
_APART = {(Order, "email"), (SpooledEvent, "body")}


def models() -> list[type[Model]]:
    """All models with a table of their own that holds texts."""
    every = apps.get_models(include_auto_created=True)
    return [one for one in every if not one._meta.proxy and text_fields(one)]


def text_fields(model: type[Model]) -> list[Any]:
    """The fields of *model* that hold text; no key, which a reference would break with."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, CharField | TextField | JSONField)
        and not (field.primary_key or (model, field.name) in _APART)
    ]


def naming(address: Address, rows: QuerySet[Any]) -> Iterator[tuple[Any, Changes]]:
    """Each of *rows* that names *address*, and its fields without it, by their keys."""
    fields = text_fields(rows.model)
    for window in _windows(rows):
        for row in _candidates(address, window, fields):
            if changed := changes(address, row, fields):
                yield row, changed


def changes(address: Address, row: Model, fields: list[Any] | None = None) -> Changes:
    """The fields of *row* that name *address*, with the pseudonym instead."""
    found = {}
    for field in text_fields(type(row)) if fields is None else fields:
        value = getattr(row, field.name)
        if value and address.is_in(_written(value)):
            found[field.name] = _replaced(address, field, value)
    if isinstance(row, Arrival) and (hidden := _binary(address, row)):
        kept = found.get("attributes", row.attributes)
        found["attributes"] = kept | dict.fromkeys(hidden, "")
    return found


def changeable(model: type[Model]) -> QuerySet[Any]:
    """The rows of *model* in which the address may be replaced.

    A letter that is not settled, and an operation or a policy that is not over, is still to
    be sent or done as it is.
    """
    rows: QuerySet[Any] = model._base_manager.all()
    if model in (Arrival, Revision):
        return rows.filter(letter__state__in=DeadLetter.SETTLED)
    if model is DeadLetter:
        return rows.filter(state__in=DeadLetter.SETTLED)
    if model is Operation:
        return rows.filter(state__in=Operation.ENDED)
    if model is RedrivePolicy:
        return rows.filter(state=RedrivePolicy.State.ENDED)
    return rows


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _replaced(address: Address, field: Any, value: Any) -> Any:
    if isinstance(field, JSONField):
        return address.replaced_in(value)
    return address.replaced(value)[: getattr(field, "max_length", None)]


def _windows(rows: QuerySet[Any]) -> Iterator[QuerySet[Any]]:
    """*rows* in steps of WINDOW, so that no statement reads a whole table."""
    rows = rows.order_by("pk")
    keys = list(rows.values_list("pk", flat=True)[:WINDOW])
    while keys:
        yield rows.filter(pk__gte=keys[0], pk__lte=keys[-1])
        keys = list(rows.filter(pk__gt=keys[-1]).values_list("pk", flat=True)[:WINDOW])


def _candidates(
    address: Address, rows: QuerySet[Any], fields: list[Any]
) -> QuerySet[Any]:
    texts = {name: text for field in fields for name, text in as_text(field).items()}
    wanted = reduce(or_, (address.may_be_in(field) for field in fields))
    if rows.model is Arrival:
        wanted |= ~Q(attribute_types={})
    found: QuerySet[Any] = rows.alias(**texts).filter(wanted)
    return found


def _binary(address: Address, arrival: Arrival) -> list[str]:
    """The names of the binary attributes of *arrival* that hold the address, in base64."""
    return [
        name
        for name, text in arrival.attributes.items()
        if str(arrival.attribute_types.get(name, "")).startswith("Binary")
        and address.is_in(_decoded(text))
    ]


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text
