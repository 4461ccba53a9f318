"""Fix by example: which change it is, whom it fits, how it is shown, and what is stored of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from dlq_review.bodies import patch_cases
from dlq_review.desk import example_views
from dlq_review.desk.example_views import Change
from dlq_review.letters import revisions, settlement
from dlq_review.models import AuditEntry, DeadLetter, Operation
from processing.events.contracts import SignupRequested
from processing.events.envelope import Event, new_id
from tests.builders import dead_letter, failure, order_created, order_data
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import html, page
from tests.dlq_review.wrong_letters import items, wrong

pytestmark = pytest.mark.django_db
OFFER = "Make the same change"


def edited(letter: DeadLetter, **data: Any) -> DeadLetter:
    letter.refresh_from_db()
    body = json.loads(letter.revisions.get(number=letter.revision).body)
    body["data"] |= {"currency": "EUR", **data}
    text = json.dumps(body)
    revisions.edit(letter, text, based_on=letter.revision, by="ada", reason="x")
    return letter


def made(desk: Client, letter: DeadLetter, **form: Any) -> Operation:
    desk.post(page(letter, "example"), {"revision": letter.revision, **form})
    return Operation.objects.get()


# -- What is stored of it -----------------------------------------------------------
@pytest.mark.parametrize(
    ("reason", "stored"),
    [
        ("As agreed", "As agreed"),
        ("  As agreed\n", "As agreed"),
        (f" {'x' * 500}", "x" * 500),
        ("x" * 501, "x" * 500),
        ("", "The same change as in {letter}."),
        (" \t\n", "The same change as in {letter}."),
        (None, "The same change as in {letter}."),
    ],
)
def test_the_reason_is_stored_as_it_was_meant(
    desk: Client, reason: str | None, stored: str
) -> None:
    letter = edited(wrong())
    wrong()
    form = {} if reason is None else {"reason": reason}
    assert made(desk, letter, **form).reason == stored.format(letter=letter)


@pytest.mark.parametrize(("reveals", "masked"), [(True, False), (False, True)])
@pytest.mark.parametrize(
    ("form", "kind", "canary"), [({"redrive": "on"}, "repair", 5), ({}, "fix", 0)]
)
def test_the_operation_is_that_of_who_asks_over_the_others_of_the_group(
    client_of: ClientOf,
    form: dict[str, str],
    kind: str,
    canary: int,
    reveals: bool,
    masked: bool,
) -> None:
    letter = edited(wrong())
    other = wrong()
    wrong(currency=...)  # in the group of the same error
    stranger = dead_letter(attributes=failure(error_type="Another"))
    assert stranger.group_id != letter.group_id
    names = ("view", "change", "bulk_redrive", *(("view_personal",) if reveals else ()))
    operation = made(client_of(*names, name="bob"), letter, **form)
    assert (operation.kind, operation.canary) == (kind, canary)
    assert (operation.by, operation.masked) == ("bob", masked)
    assert operation.state == "draft"
    listed = set(operation.items.values_list("letter", flat=True))
    group = DeadLetter.objects.filter(group=letter.group_id).exclude(pk=letter.pk)
    assert listed == set(group.values_list("pk", flat=True)) >= {other.pk}


def test_what_it_asks_about_goes_on_record_by_name_alone(desk: Client) -> None:
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
    revisions.edit(first, body, based_on=0, by="bob", reason="x")
    made(desk, first)
    entry = AuditEntry.objects.get(
        verb="revealed", reason__startswith="An operation that"
    )
    assert entry.actor == "ada"
    assert entry.reason == "An operation that asks about /data/email, /data/name"


# -- What is refused ----------------------------------------------------------------
def refused_unedited(letter: DeadLetter) -> dict[str, Any]:
    return {"revision": 0}


def refused_stale(letter: DeadLetter) -> dict[str, Any]:
    edited(letter)
    edited(letter, currency="USD")
    return {"revision": 1}


def refused_alone(letter: DeadLetter) -> dict[str, Any]:
    edited(letter)
    DeadLetter.objects.exclude(pk=letter.pk).update(state="resolved")
    return {"revision": 1}


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (refused_unedited, "No dead letter matches, so there is nothing to do."),
        (refused_stale, "changed"),
        (refused_alone, "No dead letter matches, so there is nothing to do."),
    ],
)
def test_a_refusal_leads_back_to_the_letter_and_says_why(
    desk: Client, refused: Callable[[DeadLetter], dict[str, Any]], said: str
) -> None:
    letter = wrong()
    wrong()
    answer = desk.post(page(letter, "example"), refused(letter), follow=True)
    assert answer.redirect_chain == [(page(letter), 302)]
    assert [str(one) for one in answer.context["messages"] if said in str(one)]
    assert {one.level_tag for one in answer.context["messages"]} == {"error"}
    assert not Operation.objects.exists()


def test_only_a_post_makes_it_and_only_of_a_letter(desk: Client) -> None:
    letter = edited(wrong())
    wrong()
    assert desk.get(page(letter, "example")).status_code == 405
    gone = page(letter, "example").replace(str(letter.pk), str(letter.pk + 99))
    assert desk.post(gone, {"revision": 1}).status_code == 404
    assert not Operation.objects.exists()


# -- Which change it is, and whom it fits -------------------------------------------
def test_the_change_begins_with_the_body_that_arrived_last(desk: Client) -> None:
    body = json.loads(wrong().revisions.get().body) | {"id": new_id()}
    told = failure(error_type="InvalidEventError")
    letter = dead_letter(json.dumps(body), attributes=told)
    edited(letter, currency="USD")
    wrong()
    assert "<del>euros</del> → <ins>USD</ins>" in html(desk, page(letter))
    body["data"]["currency"] = "pounds"
    dead_letter(json.dumps(body), attributes=told)
    letter.refresh_from_db()
    assert letter.revision == 2
    assert OFFER not in html(desk, page(letter))  # staff have not changed that one
    wrong(currency="pounds")
    edited(letter, currency="EUR")
    edited(letter, currency="GBP")
    assert "<del>pounds</del> → <ins>GBP</ins>" in html(desk, page(letter))


@pytest.mark.parametrize("body", ["no event", "[]"])
def test_there_is_no_example_where_all_was_written_anew(
    desk: Client, body: str
) -> None:
    letter = dead_letter(body)
    dead_letter(body)
    new = order_created(id=letter.request_id).body
    revisions.edit(letter, new, based_on=0, by="ada", reason="x")
    assert OFFER not in html(desk, page(letter))


def test_an_edit_that_was_taken_back_is_no_example(desk: Client) -> None:
    letter = edited(wrong())
    wrong()
    assert OFFER in html(desk, page(letter))
    revisions.put_back(letter, 0, by="ada", reason="x")
    assert OFFER not in html(desk, page(letter))


def test_only_others_that_wait_and_would_change_count(desk: Client) -> None:
    letter = wrong(items=items("A"))
    like = wrong(items=items("A"))
    done = wrong(items=items("A"))
    settlement.discard(done, by="bob", reason="x")
    wrong(currency="pounds", items=items("A"))
    edited(letter)
    shown = html(desk, page(letter))
    assert f"{OFFER} in 1 other<" in shown
    assert "1 of the 2 others of this group that wait has the same old value" in shown
    edited(like)
    assert OFFER not in html(desk, page(letter))


def test_a_value_that_is_a_number_of_another_form_changes_nothing(desk: Client) -> None:
    def letter_with(quantity: str) -> DeadLetter:
        body = json.dumps({"type": "order_created", "data": order_data()})
        body = body.replace('"quantity": 2', f'"quantity": {quantity}')
        return dead_letter(body, attributes=failure())

    letter = letter_with("2.0")
    letter_with("2")
    body = letter.revisions.get().body.replace("2.0", "2")
    revisions.edit(letter, body, based_on=0, by="ada", reason="x")
    assert OFFER not in html(desk, page(letter))
    letter_with("2.0")
    assert f"{OFFER} in 1 other<" in html(desk, page(letter))


@pytest.mark.parametrize("reveals", [True, False])
def test_a_value_that_is_masked_is_no_match_for_who_may_not_see_it(
    client_of: ClientOf, reveals: bool
) -> None:
    letter = edited(wrong(currency="Zquill Euros"))
    wrong(currency="Zquill Euros")
    names = ("view", "change", "bulk_redrive", *(("view_personal",) if reveals else ()))
    shown = html(client_of(*names), page(letter))
    assert (OFFER in shown) is reveals
    assert "Zquill" not in shown.partition('class="card example"')[2]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (1, f"{OFFER} in 1 other<"),
        (2, f"{OFFER} in 2 others<"),
        (3, f"{OFFER} in at least 2 others<"),
    ],
)
def test_the_offer_is_of_all_unless_the_group_is_larger_than_the_sample(
    desk: Client, monkeypatch: pytest.MonkeyPatch, others: int, said: str
) -> None:
    letter = edited(wrong())
    for _ in range(others):
        wrong()
    monkeypatch.setattr(example_views, "SAMPLE", 2)
    shown = html(desk, page(letter))
    assert said in shown
    assert f"of the {min(others, 2)}" in shown


# -- How it is shown ----------------------------------------------------------------
#: What is at /data/currency before and after, in JSON, and what the page shows of it.
VALUES = {
    ('"euros"', '"EUR"'): ("euros", "EUR"),
    (None, '"EUR"'): ("", "EUR"),
    ('"euros"', None): ("euros", ""),
    ("2.50", "1e3"): ("2.50", "1e3"),
    ("true", "false"): ("true", "false"),
    ("null", '"EUR"'): ("null", "EUR"),
    ('""', '"EUR"'): ('""', "EUR"),
    ('"EUR"', '""'): ("EUR", '""'),
    ('"2"', "2"): ('"2"', "2"),
    ('"null"', "null"): ('"null"', "null"),
    ('"Zquill Euros"', '"EUR"'): ("•••", "EUR"),
    ("[1]", '"EUR"'): ("•••", "EUR"),
    ('"EUR"', "{}"): ("EUR", "•••"),
}


@pytest.mark.parametrize("values", VALUES)
def test_a_value_is_shown_as_it_is_written_unless_it_is_personal(
    values: tuple[str | None, str | None],
) -> None:
    members = ["" if one is None else f'"currency": {one}' for one in values]
    bodies = [f'{{"data": {{{one}}}}}' for one in members]
    steps = patch_cases.by_example(*bodies)
    (change,) = example_views._changes(steps)
    assert change == Change("/data/currency", *VALUES[values])


def test_each_value_stands_beside_its_own_path() -> None:
    before = {"data": {"currency": "a", "order_id": "b", "email": "ada@example.com"}}
    after = {"data": {"currency": "c", "order_id": "d", "email": "bob@example.com"}}
    steps = patch_cases.by_example(json.dumps(before), json.dumps(after))
    assert example_views._changes(steps) == [
        Change("/data/currency", "a", "c"),
        Change("/data/order_id", "b", "d"),
        Change("/data/email", "•••", "•••"),
    ]
