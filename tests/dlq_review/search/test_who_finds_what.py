"""What is exported and found by those who may see personal data, and by others."""

import csv
import json
from typing import Any

import pytest

from dlq_review.models import DeadLetter, FailureGroup, Revision
from dlq_review.search import export, full_text
from tests.builders import dead_letter, order_created

pytestmark = pytest.mark.django_db


def row_of(format: str, *, masked: bool) -> dict[str, Any]:
    """The one letter of an export, by its columns."""
    lines = list(export.FORMATS[format][1](DeadLetter.objects.all(), masked=masked))
    if format == "jsonl":
        (only,) = map(json.loads, lines)
        return dict(only)
    (row,) = csv.DictReader(lines)
    return row


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("format", export.FORMATS)
def test_each_column_that_may_name_somebody_is_masked(
    format: str, *, masked: bool
) -> None:
    letter = dead_letter(order_created(email="zoe@example.org"))
    DeadLetter.objects.filter(pk=letter.pk).update(
        reference="zoe@example.org", error_text="No mailbox of zoe@example.org."
    )
    row = row_of(format, masked=masked)
    names = ("reference", "error_text", *(("body",) if format == "jsonl" else ()))
    for name in names:
        assert ("zoe@example.org" in row[name]) is not masked, name
    assert row["request_id"] == letter.request_id


def test_the_body_of_an_export_is_the_one_after_the_edit() -> None:
    letter = dead_letter(order_created(currency="EUR"))
    edited = order_created(currency="USD").body
    Revision.objects.create(letter=letter, number=1, body=edited)
    DeadLetter.objects.filter(pk=letter.pk).update(revision=1)
    assert row_of("jsonl", masked=False)["body"] == edited
    DeadLetter.objects.filter(pk=letter.pk).update(revision=0)
    assert json.loads(row_of("jsonl", masked=False)["body"])["data"]["currency"] == (
        "EUR"
    )


def found(text: str, *, bodies: bool) -> bool:
    letters = full_text.search(text, bodies=bodies).letters
    return DeadLetter.objects.filter(letters).exists()


@pytest.mark.parametrize("text", ["zoe@example.org", "Zoe@Example.org"])
def test_an_address_finds_its_letter_for_those_who_may_see_it(text: str) -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(reference="zoe@example.org")
    assert found(text, bodies=True)
    assert not found(text, bodies=False)


@pytest.mark.parametrize(("text", "finds"), [("KE", False), ("Key", True)])
def test_three_characters_of_an_error_are_enough(text: str, *, finds: bool) -> None:
    letter = dead_letter()
    FailureGroup.objects.filter(pk=letter.group_id).update(error_type="KeyError")
    assert found(text, bodies=False) is finds


@pytest.mark.parametrize("text", ["KeyError", "keyerror", "no SUCH thing"])
def test_an_error_is_found_in_capitals_or_not(text: str) -> None:
    letter = dead_letter()
    told = {"error_type": "KeyError", "template": "No such thing as <n>."}
    FailureGroup.objects.filter(pk=letter.group_id).update(**told)
    assert found(text, bodies=False)


def test_a_short_error_of_a_letter_is_found_whole() -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(error_type="E1")
    assert found("E1", bodies=False)
    assert not found("E", bodies=False)


@pytest.mark.parametrize("name", ["request_id", "correlation_id", "customer_id"])
def test_an_id_is_found_whole_in_each_column_that_holds_one(name: str) -> None:
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(**{name: "id-4711"})
    assert found("id-4711", bodies=False)
    assert not found("id-47", bodies=False)
