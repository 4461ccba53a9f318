"""What people typed: as it is taken, and how much of it a page shows again."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from dlq_review.models import FailureGroup, Operation
from tests.builders import dead_letter, failure
from tests.dlq_review.desk.edit_forms import data, sent, wrong_order
from tests.dlq_review.desk_pages import GROUPS, page
from tests.dlq_review.wrong_letters import EDIT, wrong

pytestmark = pytest.mark.django_db


def test_a_new_value_has_no_blanks_around_it(desk: Client) -> None:
    form = {"path": "/data/currency", "was": '"euros"', "new": " EUR\t", "reason": "x"}
    assert desk.post(EDIT, {"ids": wrong().pk, **form}).status_code == 302
    ((_, step),) = Operation.objects.get().patch
    assert step["json"] == '"EUR"'


def test_what_is_missing_is_added_also_where_its_removal_was_asked_for(
    desk: Client,
) -> None:
    form = {"path": "/data/currency", "was": "missing", "new": "EUR", "reason": "x"}
    letter = wrong(currency=...)
    desk.post(EDIT, {"ids": letter.pk, "remove": "missing", **form})
    ((guard, step),) = Operation.objects.get().patch
    assert (guard["op"], step["op"], step["json"]) == ("absent", "add", '"EUR"')


def test_a_page_shows_no_more_of_a_text_than_it_takes(desk: Client) -> None:
    long = "x" * 2_000
    form = {"path": "/data/currency", "was": '"euros"', "new": long, "reason": ""}
    shown = desk.post(EDIT, {"ids": wrong().pk, **form}).context
    assert [len(row["typed"]) for row in shown["values"]] == [1_000]
    form = form | {"new": "", "reason": long}
    assert len(desk.post(EDIT, {"ids": wrong().pk, **form}).context["reason"]) == 500
    step = sent(reason=long, suggest="all")
    shown = desk.post(page(wrong_order(), "edit"), step).context
    assert len(shown["form"]["reason"].value()) == 500
    shown = desk.post(GROUPS, {"verb": "give", "reason": long}).context
    assert len(shown["typed_word"]) == 500


@pytest.mark.parametrize("verb", ["give", "give_back"])
def test_the_word_about_a_group_is_kept_when_it_is_refused(
    desk: Client, verb: str
) -> None:
    group = dead_letter(attributes=failure()).group
    FailureGroup.objects.update(owner="bob")
    answer = desk.post(f"{GROUPS}{group.pk}/{verb}/", {"reason": "My word.", "to": "7"})
    assert answer.status_code == 409
    shown = answer.context
    assert (shown["typed_word"], shown["typed_to"]) == ("My word.", "7")


@pytest.mark.parametrize(
    ("secure", "wanted", "kept"),
    [
        (True, "https://testserver/admin/", True),
        (True, "http://testserver/admin/", False),
        (False, "http://testserver/admin/", True),
        (False, "https://evil.example/", False),
        (True, "/admin/find/", True),
    ],
)
def test_the_way_to_a_code_keeps_the_page_that_was_wanted_if_it_is_ours(
    admin_client: Client, settings: Settings, secure: bool, wanted: str, kept: bool
) -> None:
    settings.STAFF_SECOND_FACTOR = "optional"
    url = reverse("admin:second_factor")
    answer = admin_client.get(url, {"next": wanted}, secure=secure)
    assert bool(re.search(r"\?next=.", answer["Location"])) is kept


def test_an_edit_of_a_revision_that_is_not_there_is_one_of_the_current(
    desk: Client,
) -> None:
    letter = wrong_order()
    change = {"/data/currency": "EUR", "save": ""}
    answer = desk.post(page(letter, "edit"), sent(based_on=99, **change))
    assert answer.status_code == 302
    assert data(letter)["currency"] == "EUR"
