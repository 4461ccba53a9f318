import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dlq_review.letters import retention, settlement
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.redrive import claims
from dlq_review.search import narrowing
from processing.delivery import processor
from processing.models import Outcome
from processing.sqs import queues
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    message,
    order_created,
    redrive_now,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, html, page
from tests.dlq_review.hostile_letters import POISON, poisoned

pytestmark = pytest.mark.django_db


def test_the_list_shows_what_waits_and_hides_what_is_settled(desk: Client) -> None:
    dead_letter(order_created(order_id="ORD-waits"), attributes=failure())
    settled = dead_letter(order_created(order_id="ORD-settled"))
    settlement.discard(settled, by="ada", reason="x")
    text = html(desk, LIST)
    assert "ORD-waits" in text
    assert "OrderExistsError" in text
    assert "ORD-settled" not in text
    assert "ORD-settled" in html(desk, f"{LIST}?state=discarded")


@pytest.mark.parametrize(
    "query",
    ["state=open", "queue=orders", "type=order_created", "since=1h", "q=ORD-x", "p=1"],
)
def test_each_filter_and_the_search_find_the_letter(desk: Client, query: str) -> None:
    dead_letter(order_created(order_id="ORD-x"))
    assert "ORD-x" in html(desk, f"{LIST}?{query}")


@pytest.mark.parametrize(
    "query",
    ["state=resolved", "queue=emails", "type=order_updated", "error=X", "q=RD-x"],
)
def test_what_does_not_match_is_not_shown(desk: Client, query: str) -> None:
    dead_letter(order_created(order_id="ORD-x"))
    assert "ORD-x" not in desk.get(f"{LIST}?{query}").content.decode()


def test_a_search_finds_settled_letters_too(desk: Client) -> None:
    letter = dead_letter(signup_requested(email="bob@example.com"))
    settlement.discard(letter, by="ada", reason="x")
    assert page(letter) in html(desk, f"{LIST}?q=Bob@example.com")


def test_a_list_says_that_only_the_newest_bodies_were_asked(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrowing, "MOST", 2)
    told = "Only the newest 2 letters were asked. An operation asks all of them."
    for number in (2, 3):
        while DeadLetter.objects.count() < number:
            dead_letter()
        shown = html(desk, f"{LIST}?field=data.currency%3DEUR")
        assert (told in shown, shown.count("data-row")) == (number > 2, 2)


def test_a_group_narrows_the_list(desk: Client) -> None:
    one = dead_letter(attributes=failure())
    other = dead_letter(attributes=failure(error_type="OtherError"))
    text = html(desk, f"{LIST}?group={one.group_id}")
    assert page(one) in text
    assert page(other) not in text


def test_an_empty_list_says_that_all_is_well(desk: Client) -> None:
    assert "Nothing to triage" in html(desk, LIST)
    assert "No dead letters match" in html(desk, f"{LIST}?q=nothing")


def test_the_detail_page_shows_the_order_the_reason_and_the_body(desk: Client) -> None:
    event = order_created(order_id="ORD-5")
    letter = dead_letter(event.body.replace("EUR", "XXX"), attributes=failure())
    text = html(desk, page(letter))
    assert "A new order" in text
    assert "Another order has the id ORD-1." in text
    assert "TEA-1" in text
    assert "Choose one of AUD, CAD" in text
    assert "&quot;currency&quot;: &quot;XXX&quot;" in text


def test_attempts_that_left_no_report_are_told_of(desk: Client) -> None:
    event = order_created()
    failed_attempt(event)
    letter = dead_letter(event, receive_count=4)
    assert "2 attempts ended without a report" in html(desk, page(letter))


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.inline.append(tag)
        self.inline += [
            name for name in names if name == "style" or name.startswith("on")
        ]


@pytest.mark.parametrize("name", ["", "change", "edit"])
def test_a_poisoned_letter_is_inert_everywhere(desk: Client, name: str) -> None:
    letter = poisoned()
    text = html(desk, page(letter, name) if name else LIST)
    assert POISON not in text
    assert ("&lt;script&gt;" in text) is (name == "edit")
    revealed = desk.post(page(letter, "reveal")).content.decode()
    assert POISON not in revealed
    assert "&lt;script&gt;" in revealed
    elements = _Elements()
    elements.feed(text)
    assert elements.inline == []


def test_a_body_is_downloaded_as_text_never_as_a_page(desk: Client) -> None:
    letter = poisoned()
    answer = desk.post(page(letter, "body/0"))
    assert letter.audit.get(verb="revealed").actor == "ada"
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    file = f"dead-letter-{letter.pk}-revision-0.txt"
    assert answer["Content-Disposition"] == f'attachment; filename="{file}"'


@pytest.fixture
def sent_at_once(settings: Settings) -> None:
    settings.REDRIVE_UNDO_SECONDS = 0


def test_one_click_redrives_and_leads_back_to_the_filtered_list(
    desk: Client, sqs: None, sent_at_once: None
) -> None:
    letter = dead_letter()
    back = f"{LIST}?queue=orders"
    answer = desk.post(page(letter, "redrive"), {"revision": 0, "next": back})
    assert answer["Location"] == back
    letter.refresh_from_db()
    assert letter.state == "redriven"
    assert len(queues.receive("orders")) == 1
    assert letter.audit.get(verb="claimed").actor == "ada"


def test_a_page_that_shows_an_old_revision_redrives_nothing(
    desk: Client, sqs: None, sent_at_once: None
) -> None:
    event = order_created()
    letter = dead_letter(event)
    form = edit_form(letter, event.body.replace("TEA-1", "TEA-2"))
    desk.post(page(letter, "edit"), form)
    answer = desk.post(page(letter, "redrive"), {"revision": 0}, follow=True)
    assert "Somebody changed this dead letter" in answer.content.decode()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == ("open", 0)
    assert queues.receive("orders") == []


@pytest.mark.parametrize(
    "next", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "evil"]
)
def test_nobody_is_led_to_another_site(desk: Client, no_sqs: None, next: str) -> None:
    letter = dead_letter()
    answer = desk.post(page(letter, "redrive"), {"next": next})
    assert answer["Location"] == page(letter)


def test_a_redrive_that_sqs_refuses_says_so(
    desk: Client, no_sqs: None, sent_at_once: None
) -> None:
    answer = desk.post(page(dead_letter(), "redrive"), follow=True)
    assert "SQS did not take it" in answer.content.decode()


def edit_form(letter: DeadLetter, body: str, **changes: object) -> dict[str, object]:
    return {"body": body, "based_on": 0, "reason": "repaired", **changes}


def test_an_edit_is_saved_and_redriven(
    desk: Client, sqs: None, sent_at_once: None
) -> None:
    event = order_created()
    letter = dead_letter(event.body.replace("EUR", "XXX"))
    form = edit_form(letter, event.body, redrive="")
    answer = desk.post(page(letter, "edit"), form, follow=True)
    assert "Saved revision 1" in answer.content.decode()
    letter.refresh_from_db()
    assert (letter.state, letter.revision) == ("redriven", 1)


def test_an_edit_that_breaks_the_contract_keeps_the_text_and_names_the_field(
    desk: Client,
) -> None:
    event = order_created()
    letter = dead_letter(event)
    body = event.body.replace("EUR", "YYY")
    answer = desk.post(page(letter, "edit"), edit_form(letter, body))
    text = answer.content.decode()
    assert "data.currency" in text
    assert "YYY" in text
    assert letter.revisions.count() == 1


def test_a_stale_editor_keeps_the_text_and_learns_who_was_first(
    desk: Client, client_of: ClientOf
) -> None:
    event = order_created()
    letter = dead_letter(event)
    first = edit_form(letter, event.body.replace("TEA-1", "TEA-2"))
    client_of("view", "change", "view_personal", name="bob").post(
        page(letter, "edit"), first
    )
    mine = event.body.replace("TEA-1", "TEA-3")
    answer = desk.post(page(letter, "edit"), edit_form(letter, mine))
    text = answer.content.decode()
    assert "Revision 1 was saved first, by bob" in text
    assert "TEA-3" in text
    assert 'name="based_on" value="1"' in text
    assert letter.revisions.count() == 2


def test_an_unreadable_body_can_start_from_an_example(desk: Client) -> None:
    letter = dead_letter("nonsense")
    text = html(desk, f"{page(letter, 'edit')}?example=signup_requested")
    assert letter.request_id in text
    assert "signup_requested&quot;" in text


@pytest.mark.parametrize(
    ("verb", "state"), [("discard", "discarded"), ("resolve", "resolved")]
)
def test_a_letter_is_settled_with_a_reason(desk: Client, verb: str, state: str) -> None:
    letter = dead_letter()
    desk.post(page(letter, verb), {"reason": ""})
    letter.refresh_from_db()
    assert letter.state == "open"
    desk.post(page(letter, verb), {"reason": "done by telephone"})
    letter.refresh_from_db()
    assert letter.state == state


def test_who_discards_may_tell_the_sender_something(desk: Client) -> None:
    letter = dead_letter()
    told = {"reason": "a test", "told": "Please call us."}
    desk.post(page(letter, "discard"), told)
    assert Outcome.objects.get().made == {"told": "Please call us."}


def test_a_discarded_letter_is_restored(desk: Client) -> None:
    letter = dead_letter()
    settlement.discard(letter, by="ada", reason="x")
    desk.post(page(letter, "restore"))
    letter.refresh_from_db()
    assert letter.state == "open"


STEPS = {"redrive": "redrive", "discard": "discard", "resolve": "discard"}
STEPS |= {"restore": "discard", "edit": "change"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("held", ["view", "change", "redrive", "discard"])
def test_each_step_needs_its_own_permission(
    client_of: ClientOf, sqs: None, step: str, held: str
) -> None:
    event = order_created()
    letter = dead_letter(event)
    if step == "restore":
        settlement.discard(letter, by="ada", reason="x")
    form = edit_form(letter, event.body)
    answer = client_of("view", "view_personal", held).post(page(letter, step), form)
    allowed = held == STEPS[step]
    assert answer.status_code == (302 if allowed else 403)
    before = (letter.state, letter.revision)
    letter.refresh_from_db()
    assert (before != (letter.state, letter.revision)) is allowed


def test_save_and_redrive_needs_both_permissions(client_of: ClientOf) -> None:
    event = order_created()
    letter = dead_letter(event)
    form = edit_form(letter, event.body, redrive="")
    editor = client_of("change", "view_personal")
    assert editor.post(page(letter, "edit"), form).status_code == 403
    letter.refresh_from_db()
    assert (letter.state, letter.revision) == ("open", 0)


def test_denied_buttons_stay_and_say_why(client_of: ClientOf) -> None:
    text = html(client_of("view"), page(dead_letter()))
    assert len(re.findall(r"<button[^>]* disabled", text)) == 5
    assert "You do not have the permission to redrive dead letters." in text


def test_the_list_says_why_a_row_cannot_be_edited(client_of: ClientOf) -> None:
    dead_letter("no event")
    names = ("view", "change", "redrive", "bulk_redrive", "export")
    text = html(client_of(*names), LIST)
    assert re.search(r'<button[^>]* disabled aria-describedby="denied"[^>]*Edit', text)
    why = "You do not have the permission to see personal data of dead letters."
    assert f'<p class="denied" id="denied">{why}</p>' in text
    assert 'id="denied"' not in html(
        client_of(*names, "view_personal", name="bob"), LIST
    )


def test_who_may_not_open_a_page_of_the_desk_is_led_back_to_the_desk(
    client_of: ClientOf,
) -> None:
    answer = client_of("view").get("/admin/dlq_review/operation/new/")
    assert answer.status_code == 403
    assert '<a class="button" href="/admin/">' in answer.content.decode()


@pytest.mark.parametrize("name", ["change", "edit"])
def test_nobody_sees_a_letter_without_the_permission(
    client_of: ClientOf, name: str
) -> None:
    assert client_of().get(page(dead_letter(), name)).status_code == 403


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get(page(dead_letter())).status_code == 302
    assert client.post(page(dead_letter(), "redrive")).status_code == 302


@pytest.mark.parametrize("name", [*STEPS, "change", "body/0"])
def test_no_get_changes_anything(desk: Client, name: str) -> None:
    letter = dead_letter()
    deeds = AuditEntry.objects.exclude(verb="revealed")
    entries = deeds.count()
    desk.get(page(letter, name))
    desk.get(LIST)
    before = letter.state
    letter.refresh_from_db()
    assert (letter.state, letter.revision) == (before, 0)
    assert deeds.count() == entries
    assert not Outcome.objects.exists()


def test_every_post_needs_the_csrf_token(desk: Client) -> None:
    desk.handler.enforce_csrf_checks = True
    for step in STEPS:
        assert desk.post(page(dead_letter(), step)).status_code == 403


def test_a_claimed_letter_offers_nothing(desk: Client) -> None:
    letter = dead_letter()
    claims.claim(letter, by="ada", reason="")
    text = html(desk, page(letter))
    assert len(re.findall(r"<button[^>]* disabled", text)) == 5


@pytest.mark.parametrize(
    "model", ["attempt", "order", "outcome", "spooledevent", "user"]
)
def test_what_processing_holds_can_be_looked_at(
    admin_client: Client, model: str
) -> None:
    assert html(admin_client, f"/admin/processing/{model}/")


@pytest.mark.parametrize("path", [LIST, GROUPS])
def test_a_search_keeps_the_filters_of_its_list(desk: Client, path: str) -> None:
    dead_letter()
    form = re.search(
        r'(?s)<form id="changelist-search".*?</form>',
        html(desk, f"{path}?state=all&q=x"),
    )
    assert form
    kept = re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form[0])
    assert kept == [("state", "all")]


def test_every_search_says_what_it_finds() -> None:
    silent = {
        model.__name__
        for model, shown in admin.site._registry.items()
        if model.__module__.startswith(("dlq_review", "processing", "intake"))
        and shown.search_fields
        and not shown.search_help_text
    }
    assert silent == set()


def test_what_turns_the_direction_of_writing_is_spelled_out(desk: Client) -> None:
    body = order_created().body.replace("ada@", "\u202egpj.\u2066ada@")
    letter = dead_letter(body)
    masked = html(desk, page(letter))
    revealed = desk.post(page(letter, "reveal")).content.decode()
    for text in (masked, revealed):
        assert "\u202e" not in text
        assert "\u2066" not in text
    assert "\\u202egpj." in revealed


def test_the_same_code_is_warned_of_until_the_body_was_edited(
    desk: Client, settings: Settings
) -> None:
    settings.RELEASE = "r1"
    event = order_created()
    letter = dead_letter(event, attributes=failure(release="r1"))
    assert "Still the same code" in html(desk, page(letter))
    desk.post(page(letter, "edit"), edit_form(letter, event.body.replace("EUR", "USD")))
    assert "Still the same code" not in html(desk, page(letter))


def test_what_was_processed_with_another_body_cannot_be_redriven_and_says_why(
    desk: Client,
) -> None:
    first = order_created(order_id="ORD-1")
    processor.handle(message(first))
    letter = dead_letter(order_created(id=first.id, order_id="ORD-2"))
    refused = 'disabled title="Its request id was processed with another body'
    assert refused in html(desk, page(letter))
    assert refused not in html(desk, page(dead_letter()))


def test_a_letter_without_an_outcome_for_too_long_is_warned_of(
    desk: Client, sqs: None, settings: Settings
) -> None:
    letter = dead_letter()
    redrive_now(letter, by="ada")
    unheard = "nothing has been heard of it since"
    assert unheard not in html(desk, page(letter))
    settings.REDRIVE_OVERDUE_SECONDS = -1
    assert unheard in html(desk, page(letter))
    settlement.reconcile()
    DeadLetter.objects.update(state="open")
    assert unheard not in html(desk, page(letter))


def test_a_purged_letter_says_when_its_bodies_were_removed(desk: Client) -> None:
    letter = dead_letter()
    removed = "Its bodies were removed on"
    assert removed not in html(desk, page(letter))
    settlement.discard(letter, by="ada", reason="x")
    retention.purge(timezone.now())
    text = html(desk, page(letter))
    assert f"{removed} {timezone.now():%d %B %Y}" in text
    assert "there is nothing to restore" in text


def test_the_edit_page_shows_at_once_what_is_wrong_with_the_body(desk: Client) -> None:
    body = order_created().body.replace('"EUR"', '"euros"')
    letter = dead_letter(body)
    answer = desk.get(page(letter, "edit"))
    marked = answer.context["marked"]
    assert [one.problem.field for one in marked] == ["data.currency"]
    typed = edit_form(letter, body.replace("TEA-1", ""))
    answer = desk.post(page(letter, "edit"), typed)
    fields = {one.problem.field for one in answer.context["marked"]}
    assert fields == {"data.currency", "data.items.0.sku"}
    assert desk.get(page(dead_letter(), "edit")).context["marked"] == []


def test_an_edit_is_shown_as_what_it_took_away_and_what_it_brought(
    desk: Client,
) -> None:
    event = order_created()
    letter = dead_letter(event)
    body = event.body.replace("TEA-1", "CUP-2")
    desk.post(page(letter, "edit"), edit_form(letter, body))
    ((newer, reason, lines),) = desk.get(page(letter)).context["edits"]
    assert (newer.number, newer.by, reason) == (1, "ada", "repaired")
    changed = [one.text.strip(" ,") for one in lines if one.kind in ("add", "del")]
    assert [one.replace(" ", "") for one in changed] == [
        '-"sku":"TEA-1"',
        '+"sku":"CUP-2"',
    ]
