"""An operation over very many letters is frozen by the database, and looked at in part."""

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from dlq_review.models import DeadLetter, OperationItem
from dlq_review.operations import outlook, plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter
from tests.dlq_review.desk_pages import OPERATIONS, html

pytestmark = pytest.mark.django_db


def test_a_list_is_frozen_in_as_many_statements_for_many_as_for_one(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(12):
        dead_letter()
    with django_assert_max_num_queries(6):
        operation = plans.freeze(Selection(), Plan(), by="ada")
    chosen = operation.items.order_by("pk").values_list("letter_id", flat=True)
    assert list(chosen) == list(
        DeadLetter.objects.order_by("pk").values_list("pk", flat=True)
    )


def test_a_page_that_looks_at_part_of_a_list_says_so(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter("no event")
    dead_letter("no event either")
    monkeypatch.setattr(outlook, "LOOKED_AT", 1)
    operation = plans.freeze(Selection(), Plan(), by="ada")
    text = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    assert "Of the first 1:" in text
    assert "1 would be skipped: the body is not a valid event." in text
    assert "Nothing would be" not in text


def test_freezing_maintains_no_more_than_it_must() -> None:
    """Each further index or check costs a tenth of a second for a hundred thousand."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(
            cursor, OperationItem._meta.db_table
        )
    indexes = {
        tuple(one["columns"]) for one in found.values() if one["index"] or one["unique"]
    }
    assert indexes - {("id",)} == {
        ("operation_id", "letter_id"),
        ("operation_id", "state", "id"),
    }
    assert not [name for name, one in found.items() if one["foreign_key"]]
