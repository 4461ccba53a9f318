"""From one edited letter to the same change of the others."""

import json
from typing import Any

import pytest
from django.test import Client

from dlq_review.desk import example_views
from dlq_review.letters import revisions
from dlq_review.models import AuditEntry, DeadLetter, Operation
from processing.events.contracts import SignupRequested
from processing.events.envelope import Event
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, html, page
from tests.dlq_review.wrong_letters import wrong

pytestmark = pytest.mark.django_db


def mended(letter: DeadLetter, **data: Any) -> DeadLetter:
    body = json.loads(letter.revisions.get(number=letter.revision).body)
    body["data"] |= {"currency": "EUR", **data}
    text = json.dumps(body)
    revisions.edit(letter, text, based_on=letter.revision, by="ada", reason="x")
    return letter


def test_a_saved_edit_offers_the_same_change_for_the_others(desk: Client) -> None:
    letter = wrong()
    others = [wrong(), wrong(), wrong(currency="pounds")]
    assert "Make the same change" not in html(desk, page(letter))
    mended(letter)
    shown = html(desk, page(letter))
    assert "Make the same change in 2 others" in shown
    assert "<del>euros</del> → <ins>EUR</ins>" in shown
    answer = desk.post(
        page(letter, "example"), {"revision": 1, "redrive": "on", "reason": "As agreed"}
    )
    operation = Operation.objects.get()
    assert answer["Location"] == f"{OPERATIONS}{operation.pk}/change/"
    assert (operation.kind, operation.canary) == ("repair", 5)
    assert set(operation.items.values_list("letter", flat=True)) == {
        one.pk for one in others
    }
    preview = html(desk, answer["Location"])
    assert "<b>2</b> would change and be valid, and be redriven" in preview
    assert "1 × /data/currency has another value than the change expects: pounds" in (
        preview
    )
    assert not DeadLetter.objects.exclude(pk=letter.pk).filter(revision=1).exists()


def test_without_the_switch_it_is_an_edit(desk: Client) -> None:
    letter = mended(wrong())
    wrong()
    desk.post(page(letter, "example"), {"revision": 1})
    operation = Operation.objects.get()
    assert (operation.kind, operation.canary) == ("fix", 0)
    assert operation.reason == f"The same change as in {letter}."


def test_the_example_of_an_older_revision_is_refused(desk: Client) -> None:
    letter = mended(mended(wrong()), currency="USD")
    wrong()
    for revision in ("1", "", "x"):
        desk.post(page(letter, "example"), {"revision": revision})
    assert not Operation.objects.exists()
    desk.post(page(letter, "example"), {"revision": 2})
    assert Operation.objects.get().patch[1]["json"] == '"USD"'


def test_nobody_is_offered_a_change_that_fits_no_other(desk: Client) -> None:
    letter = mended(wrong())
    wrong(currency="pounds")
    assert "Make the same change" not in html(desk, page(letter))


def test_the_offer_says_when_only_a_part_of_the_group_was_looked_at(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = mended(wrong())
    wrong(), wrong(), wrong()
    monkeypatch.setattr(example_views, "SAMPLE", 2)
    assert "in at least 2 others" in html(desk, page(letter))


@pytest.mark.parametrize(
    ("permissions", "offered"),
    [
        (("view", "change", "bulk_redrive"), True),
        (("view", "bulk_redrive"), False),
        (("view", "change"), False),
    ],
)
def test_the_offer_needs_the_permissions_of_a_repair(
    client_of: ClientOf, permissions: tuple[str, ...], offered: bool
) -> None:
    letter = mended(wrong())
    wrong()
    browser = client_of(*permissions)
    assert ("Make the same change" in html(browser, page(letter))) is offered
    status = browser.post(page(letter, "example"), {"revision": 1}).status_code
    assert status == (302 if offered else 403)


@pytest.mark.parametrize("reveals", [True, False])
def test_a_change_of_personal_data_is_masked_and_goes_on_record(
    client_of: ClientOf, reveals: bool
) -> None:
    data = {"email": "zquill at b.org", "name": "Zquill"}
    first, _ = (
        dead_letter(
            json.dumps({"type": "signup_requested", "data": data}),
            queue="signups-dlq",
            attributes=failure(error_type="InvalidEventError"),
        )
        for _ in "ab"
    )
    valid = SignupRequested(email="zquill@b.org", name="Zquilla")
    body = Event.new(valid, id=first.request_id).body
    revisions.edit(first, body, based_on=0, by="ada", reason="x")
    names = ("view", "change", "bulk_redrive", *(("view_personal",) if reveals else ()))
    browser = client_of(*names)
    shown = html(browser, page(first))
    assert "zquill" not in shown.lower()
    assert ("Make the same change" in shown) is reveals
    answer = browser.post(page(first, "example"), {"revision": 1})
    assert answer.status_code == (302 if reveals else 403)
    assert AuditEntry.objects.filter(verb="revealed").exists() is reveals
    assert Operation.objects.exists() is reveals


def test_the_repair_of_a_letter_that_a_rule_refused_is_an_example(desk: Client) -> None:
    told = failure(error_type="OrderOfAnotherError", error_field="data.customer_id")
    first, _ = (dead_letter(order_created(), attributes=told) for _ in "ab")
    form = {"based_on": 0, "patch": "", "reason": "x", "/data/customer_id": "C-71"}
    shown = desk.post(page(first, "edit"), form, follow=True).content.decode()
    assert "Make the same change in 1 other" in shown
    assert "<code>/data/customer_id</code>" in shown
    desk.post(page(first, "example"), {"revision": 1})
    steps = Operation.objects.get().patch
    assert [step["path"] for step in steps] == ["/data/customer_id"] * 2


def test_a_letter_that_is_being_sent_is_no_other_to_change(desk: Client) -> None:
    letter = mended(wrong())
    others = [wrong(), wrong()]
    assert "Make the same change in 2 others" in html(desk, page(letter))
    DeadLetter.objects.filter(pk=others[0].pk).update(state="claimed")
    assert "Make the same change in 1 other" in html(desk, page(letter))
    DeadLetter.objects.filter(pk=others[1].pk).update(state="quarantined")
    assert "Make the same change in 1 other" in html(desk, page(letter))
