"""An operation on all that a search lists: just these letters, and who may read which search."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from dlq_review.letters import retention, settlement
from dlq_review.models import AuditEntry, DeadLetter, Operation
from dlq_review.operations import control, progress, runner
from dlq_review.search import full_text, narrowing
from dlq_review.search.keyset_pages import Cursor
from processing.models import User
from tests.builders import dead_letter, failure, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import LIST, OPERATIONS, html, plan

pytestmark = pytest.mark.django_db
NEW = f"{OPERATIONS}new/"
EDIT = f"{OPERATIONS}edit/"


@pytest.fixture
def letters() -> dict[str, DeadLetter]:
    made = {
        "first": dead_letter(order_created(customer_id="C-9", order_id="SHOP-1")),
        "second": dead_letter(
            order_created(customer_id="C-9"), attributes=failure(error_type="AError")
        ),
        "third": dead_letter(order_created(customer_id="C-9")),
        "other": dead_letter(order_created(customer_id="C-8")),
        "person": dead_letter(
            signup_requested(name="Lovelace"), queue="signups-dlq", attributes=failure()
        ),
    }
    settlement.resolve(made["third"], by="ada", reason="by phone")
    return made


def link(text: str) -> str:
    found = re.search(rf'href="({NEW}\?[^"]*)">(?:All|Restore all) that match', text)
    assert found, "the list offers no operation"
    return unescape(found[1])


def link_to_all(client: Client, query: str) -> str:
    return link(html(client, f"{LIST}?{query}"))


def frozen(client: Client, query: str, **changes: object) -> Operation:
    """The operation that a person freezes from the list with *query*."""
    form = client.get(link_to_all(client, query)).context["form"]
    names = (*("ids", "group", "q", "queue", "type", "error", "since", "field"),)
    sent = {name: form[name].value() or "" for name in names}
    answer = client.post(NEW, plan(**sent, **changes))
    assert answer.status_code == 302
    return Operation.objects.latest("pk")


def of(operation: Operation) -> set[int]:
    return set(operation.items.values_list("letter", flat=True))


@pytest.mark.parametrize(
    "query",
    [
        *(
            "q=C-9&state=waiting",
            "q=C-9&error=AError&state=waiting",
            "q=Lovelace&state=",
        ),
        *("q=AError&state=waiting", "q=%20SHOP-1%20", "q=TEA-1"),
        *("q=C-9&field=data.currency%3DEUR", "q=C-8&queue=orders"),
    ],
)
def test_the_operation_freezes_what_the_search_lists(
    desk: Client, letters: dict[str, DeadLetter], query: str
) -> None:
    shown = desk.get(f"{LIST}?{query}").context["cl"]
    waiting = {one.pk for one in shown.result_list if one.state == "open"}
    operation = frozen(desk, query)
    assert of(operation) == waiting != set()
    assert operation.total == len(waiting)
    if "state=waiting" in query:
        assert operation.total == shown.result_count


def test_bodies_are_searched_before_the_list_is_written(
    desk: Client, letters: dict[str, DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite nobody else writes while a transaction is open."""
    opened = []
    real = full_text.search

    def search(text: str, *, bodies: bool) -> full_text.Found:
        opened.append(len(connection.savepoint_ids))
        return real(text, bodies=bodies)

    monkeypatch.setattr(full_text, "search", search)
    within = len(connection.savepoint_ids)
    desk.post(NEW, plan(q="C-9"))
    assert Operation.objects.get().total == 2
    assert set(opened) == {within}


def test_a_page_further_down_leads_to_all_that_match(
    desk: Client, letters: dict[str, DeadLetter]
) -> None:
    for name in ("before", "after"):
        cursor = Cursor.of(letters["other"])
        page = urlencode({name: cursor, "q": "C-9", "state": "waiting"})
        asked = link_to_all(desk, page)
        assert desk.get(asked).context["form"]["after"].value() is None
        assert frozen(desk, page).total == 2


def test_form_and_frozen_list_say_which_search_it_is_and_what_it_leaves_out(
    desk: Client, letters: dict[str, DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = link_to_all(desk, "q=C-9&state=waiting")
    said = "wait and that the search <b>C-9</b> finds: <b>2</b> now"
    assert said in html(desk, asked)
    operation = frozen(desk, "q=C-9&state=waiting")
    page = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    assert "Found by the search <b>C-9</b></p>" in page
    for name in ("MOST", "NEWEST", "NEWEST_UNINDEXED"):
        monkeypatch.setattr(full_text, name, 1)
    assert "only the newest 1 " in html(desk, asked).lower()


def test_who_may_not_see_bodies_chooses_by_what_the_list_finds_for_them(
    client_of: ClientOf, letters: dict[str, DeadLetter]
) -> None:
    eve = client_of("view", "bulk_redrive", name="eve")
    operation = frozen(eve, "q=C-9&state=waiting")
    assert of(operation) == {letters["first"].pk, letters["second"].pk}
    assert operation.masked
    assert "Bodies were not searched" in html(eve, f"{NEW}?q=Lovelace")
    refused = eve.post(NEW, plan(q="Lovelace"), follow=True)
    assert "No dead letter matches" in refused.content.decode()
    assert Operation.objects.count() == 1
    assert not AuditEntry.objects.filter(verb="revealed").exists()


def test_a_search_of_bodies_is_on_record_and_only_who_may_see_bodies_reads_it(
    desk: Client, client_of: ClientOf, letters: dict[str, DeadLetter]
) -> None:
    operation = frozen(desk, "q=Lovelace&state=waiting")
    noted = AuditEntry.objects.get(verb="revealed")
    assert noted.reason == "An operation that asks about a search of bodies"
    url = f"{OPERATIONS}{operation.pk}/change/"
    assert "Found by the search <b>Lovelace</b>" in html(desk, url)
    eve = client_of("view", "bulk_redrive", name="eve")
    assert "Found by the search <b>•••</b>" in html(eve, url)
    assert "Lovelace" not in html(eve, url)
    own = frozen(eve, "q=C-9&state=waiting")
    text = html(eve, f"{OPERATIONS}{own.pk}/change/")
    assert "Found by the search <b>C-9</b>, without the words of bodies" in text


def test_the_list_offers_what_waits_and_no_policy_under_a_search(
    desk: Client, letters: dict[str, DeadLetter]
) -> None:
    for query in ("q=C-9", "q=", f"group={letters['first'].group_id}"):
        assert "All that match and wait…" in html(desk, f"{LIST}?{query}")
    text = html(desk, f"{LIST}?q=C-9&state=waiting")
    assert "All that match…" in text
    assert "By a policy" not in text


@pytest.mark.parametrize(
    ("query", "offered"),
    [("state=waiting", True), ("state=waiting&since=24h", False)],
)
def test_no_policy_is_offered_for_a_list_that_it_could_not_keep_to(
    desk: Client, letters: dict[str, DeadLetter], query: str, offered: bool
) -> None:
    may_schedule(desk)
    DeadLetter.objects.update(last_failed_at=timezone.now())
    text = html(desk, f"{LIST}?{query}")
    assert "All that match…" in text
    assert ("By a policy…" in text) is offered


def may_schedule(client: Client) -> None:
    user = User.objects.get(pk=client.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename="schedule_redrivepolicy"))


def test_what_a_search_and_a_condition_leave_out_is_both_told(
    client_of: ClientOf,
    letters: dict[str, DeadLetter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(narrowing, "MOST", 1)
    asked = "q=C-9&state=waiting&field=data.currency%3DEUR"
    text = html(client_of("view", name="eve"), f"{LIST}?{asked}")
    notes = re.findall(r'<p class="hint" role="note">(.*?)</p>', text)
    assert [one.partition(" ")[0] for one in notes] == ["Bodies", "Only"]


def wrong(customer: str) -> DeadLetter:
    body = order_created(customer_id=customer).body.replace("EUR", "euros")
    return dead_letter(body, attributes=failure(error_type="InvalidEventError"))


def form_for(client: Client, query: str) -> str:
    """The address of the form that the page for all that match offers; empty if none."""
    found = re.search(
        rf'href="({EDIT}[^"]*)"', html(client, link_to_all(client, query))
    )
    return unescape(found[1]) if found else ""


@pytest.mark.parametrize(
    "query",
    ["q=C-9&state=waiting", "q=euros", "error=InvalidEventError", "type=order_created"],
)
def test_what_a_list_finds_is_edited_by_the_form_of_its_wrong_values(
    desk: Client, letters: dict[str, DeadLetter], query: str
) -> None:
    wrong("C-9")
    wrong("C-9")
    listed = desk.get(f"{LIST}?{query}").context["cl"].result_list
    there = form_for(desk, query)
    assert desk.get(link_to_all(desk, query) + "&kind=fix")["Location"] == there
    shown = html(desk, there)
    assert '<td class="num" data-label="Letters">2</td>' in shown
    assert ("that the search <b>" in shown) == query.startswith("q=")
    names = re.findall(r'name="(\w+)" value="([^"]*)"', shown)
    sent = {name: unescape(value) for name, value in names if name in query}
    answer = desk.post(
        EDIT,
        {**sent, "path": "/data/currency", "was": '"euros"', "new": "EUR"}
        | {"reason": "x", "redrive": "on"},
    )
    operation = Operation.objects.get()
    assert answer["Location"].endswith(f"/{operation.pk}/change/")
    waiting = {one.pk for one in listed if one.state == "open"}
    assert (operation.kind, of(operation)) == ("repair", waiting)


def test_no_form_is_offered_where_nothing_is_wrong_or_nobody_may_edit(
    desk: Client, client_of: ClientOf, letters: dict[str, DeadLetter]
) -> None:
    assert form_for(desk, "q=C-8") == ""
    wrong("C-8")
    assert form_for(desk, "q=C-8")
    assert EDIT not in html(desk, f"{NEW}?q=C-8&kind=discard")
    viewer = client_of("view", "bulk_redrive", name="eve")
    assert form_for(viewer, "q=C-8") == ""


def test_the_form_finds_by_words_of_bodies_only_for_who_may_see_bodies(
    desk: Client, client_of: ClientOf, letters: dict[str, DeadLetter]
) -> None:
    wrong("C-9")
    editor = client_of("view", "change", "bulk_redrive", name="eve")
    assert EDIT in html(desk, f"{NEW}?q=euros")
    assert EDIT not in html(editor, f"{NEW}?q=euros")
    # Also asks bodies about personal data, which only a frozen list does, on record.
    assert "New value for euros" not in html(
        desk, f"{EDIT}?q=euros&field=data.email~ada"
    )
    assert "New value for euros" in html(desk, f"{EDIT}?q=euros")
    assert not AuditEntry.objects.filter(verb="revealed").exists()


def test_what_a_search_discarded_is_restored_by_a_search(
    desk: Client, letters: dict[str, DeadLetter]
) -> None:
    discarding = frozen(desk, "q=C-9&state=waiting", kind="discard")
    control.start(discarding, by="ada")
    runner.run(discarding, seconds=5)
    page = html(desk, f"{OPERATIONS}{discarding.pk}/change/")
    assert "Restore these" in page
    back = frozen(desk, "q=C-9&state=discarded", kind="restore")
    assert back.kind == "restore"
    assert of(back) == of(discarding)


def test_what_fails_later_is_counted_as_newer_only_if_the_search_finds_it(
    desk: Client, letters: dict[str, DeadLetter]
) -> None:
    operation = frozen(desk, "q=C-9&state=waiting")
    assert progress.newer(operation) == 0
    for customer in ("C-9", "C-7"):
        later = dead_letter(order_created(customer_id=customer))
        at = timezone.now() + timedelta(minutes=1)
        DeadLetter.objects.filter(pk=later.pk).update(last_failed_at=at)
    assert progress.newer(operation) == 1


def test_a_purge_removes_the_search_of_an_operation(
    desk: Client, letters: dict[str, DeadLetter]
) -> None:
    operation = frozen(desk, "q=Lovelace&state=waiting")
    retention.purge(timezone.now() + timedelta(days=1), seconds=5)
    operation.refresh_from_db()
    assert "Lovelace" not in str(operation.selection)
    assert "Lovelace" not in html(desk, f"{OPERATIONS}{operation.pk}/change/")
