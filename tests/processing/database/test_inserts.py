"""Rows that `insert` writes are the rows that `bulk_create` would write, whatever is in them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from dlq_review.models import Arrival, AuditEntry, DeadLetter
from processing.database import inserts
from tests.builders import dead_letter

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)
TEXTS = [
    "",
    "\\N",
    "a\tb\nc\rd\\e\\t",
    "\\.",
    '{"a": "\'quoted\', \\"twice\\""}',
    "NULL, é, 漢字, 😀",
]


def arrivals(letter: DeadLetter) -> list[Arrival]:
    return [
        Arrival(
            letter_id=letter.pk,
            dlq="orders-dlq",
            message_id=f"m-{number}",
            body=text,
            attributes={text: text, "list": [None, True, 1.5]},
            sent_at=AT,
            receive_count=number,
            archived_at=AT if number % 2 else None,
        )
        for number, text in enumerate(TEXTS)
    ]


def test_every_text_and_every_empty_value_is_stored_as_it_is() -> None:
    letter = dead_letter()
    rows = arrivals(letter)
    inserts.insert(rows)
    stored = letter.arrivals.order_by("pk")[1:]
    assert [values(one) for one in stored] == [values(one) for one in rows]
    assert [one.body for one in stored] == TEXTS


def values(row: Arrival) -> dict[str, Any]:
    names = [field.attname for field in Arrival._meta.concrete_fields]
    return {name: getattr(row, name) for name in names if name != "id"}


def test_keys_rise_in_the_order_of_the_rows_and_later_ones_are_free() -> None:
    entries = [AuditEntry(verb="noted", reason=text) for text in TEXTS]
    inserts.insert_and_number(entries)
    keys = [one.pk for one in entries]
    assert keys == sorted(set(keys))
    stored = AuditEntry.objects.in_bulk(keys)
    assert [stored[key].reason for key in keys] == TEXTS
    later = AuditEntry(verb="noted")
    later.save()
    assert later.pk > keys[-1]
    entries[0].refresh_from_db()


def test_a_row_that_was_inserted_is_no_copy_of_itself() -> None:
    entries = [AuditEntry(verb="noted") for _ in range(2)]
    inserts.insert_and_number(entries)
    for entry in entries:
        entry.validate_unique()


def test_a_row_that_is_there_already_is_refused_with_all_of_its_set() -> None:
    letter = dead_letter()
    with pytest.raises(IntegrityError), transaction.atomic():
        inserts.insert([*arrivals(letter), arrivals(letter)[0]])
    assert letter.arrivals.count() == 1


def test_nothing_is_inserted_by_no_statement(
    django_assert_num_queries: Any,
) -> None:
    with django_assert_num_queries(0):
        inserts.insert([])
        inserts.insert_and_number([])
