"""The list of groups: its order, its filters, what is new, and the way back to it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

import pytest
from django.test import Client
from django.utils import timezone

from dlq_review.groups import merge, triage
from dlq_review.groups.last_look import last_look, look
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup, LastLook
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.models import User
from tests.builders import dead_letter, failure
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, html

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def failed(error: str, at: datetime = NOON, sent: datetime = NOON) -> DeadLetter:
    told = failure(error_type=error, failed_at=at.isoformat(), error_text="x")
    return dead_letter(attributes=told, sent_at=sent)


def listed(client: Client, query: str) -> list[str]:
    answer = client.get(f"{GROUPS}{query}")
    assert answer.status_code == 200
    return [one["group"].error_type[0] for one in answer.context["groups"]]


@pytest.fixture
def three() -> dict[str, FailureGroup]:
    """A has most letters, B failed first and last, C was accepted first."""
    failed("BError", NOON - 2 * DAY, NOON - 3 * DAY)
    failed("AError", NOON - DAY, NOON - DAY)
    failed("AError", NOON - DAY, NOON - 4 * DAY)
    failed("CError", NOON - DAY / 2, NOON - 5 * DAY)
    failed("BError", NOON, NOON)
    return {one.error_type[0]: one for one in FailureGroup.objects.all()}


def test_a_merged_group_is_listed_as_the_one_it_went_into(
    desk: Client, three: dict[str, FailureGroup]
) -> None:
    merge.merge(three["A"], three["C"], by="ada", reason="the same")
    for query in ("", "?state=all", "?state=resolved", "?q=Error"):
        assert "A" not in listed(desk, query), query


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "BCA"),
        ("count", "ABC"),
        ("first", "CAB"),
        ("oldest", "CAB"),
        ("nonsense", "BCA"),
    ],
)
def test_the_list_is_sorted(
    desk: Client, three: dict[str, FailureGroup], sort: str, order: str
) -> None:
    assert "".join(listed(desk, f"?sort={sort}")) == order


@pytest.mark.parametrize(
    ("sort", "order"),
    [("", "CBA"), ("count", "CBA"), ("first", "CBA"), ("oldest", "ABC")],
)
def test_groups_that_are_alike_stand_in_the_order_in_which_they_began(
    desk: Client, sort: str, order: str
) -> None:
    for error in "ABC":
        failed(f"{error}Error")
    FailureGroup.objects.filter(error_type="AError").update(note="written last")
    assert "".join(listed(desk, f"?sort={sort}")) == order


def test_the_oldest_that_waits_is_known_after_each_move() -> None:
    oldest, newer = failed("AError", sent=NOON - 2 * DAY), failed("AError")
    group = oldest.group

    def known() -> datetime | None:
        group.refresh_from_db()
        return group.oldest_accepted

    assert known() == NOON - 2 * DAY
    settlement.discard(oldest, by="ada", reason="x")
    assert known() == NOON
    settlement.restore(oldest, by="ada")
    assert known() == NOON - 2 * DAY
    for letter in (oldest, newer):
        settlement.discard(letter, by="ada", reason="x")
    assert known() is None


def owned(groups: dict[str, FailureGroup]) -> None:
    triage.acknowledge(groups["A"], by="ada")
    triage.acknowledge(groups["B"], by="eva")


def redriven(groups: dict[str, FailureGroup]) -> None:
    FailureGroup.objects.filter(pk=groups["C"].pk).update(last_redriven_at=NOON)
    groups["C"].letters.update(redrives=1)


def edited(groups: dict[str, FailureGroup]) -> None:
    groups["A"].letters.filter(sent_at=NOON - DAY).update(revision=1)


def released(groups: dict[str, FailureGroup]) -> None:
    for rows in (FailureGroup.objects.filter(pk=groups["B"].pk), groups["B"].letters):
        rows.update(release="r2")


Given = Callable[[dict[str, FailureGroup]], None]
FILTERS: list[tuple[Given, str, str]] = [
    (owned, "owner=mine", "A"),
    (owned, "owner=nobody", "C"),
    (owned, "owner=taken", "BA"),
    (owned, "owner=of-eva", "B"),
    (owned, "owner=of-bob", ""),
    (redriven, "redriven=yes", "C"),
    (redriven, "redriven=no", "BA"),
    (edited, "edited=yes", "A"),
    (edited, "edited=no", "BC"),
    (released, "release=r2", "B"),
    (released, "release=r1", "CA"),
    (owned, "owner=taken&sort=first", "AB"),
    (owned, "owner=mine&q=eva", ""),
    (owned, "q=x", "BCA"),
]


@pytest.mark.parametrize(("given", "query", "shown"), FILTERS)
def test_the_list_is_narrowed(
    desk: Client,
    three: dict[str, FailureGroup],
    given: Given,
    query: str,
    shown: str,
) -> None:
    given(three)
    assert "".join(listed(desk, f"?{query}")) == shown


@pytest.mark.parametrize(
    ("given", "query"),
    [
        (given, query)
        for given, query, _ in FILTERS
        if "sort" not in query and "q=" not in query and "edited=no" not in query
    ],
)
def test_the_letters_are_narrowed_by_the_same(
    desk: Client, three: dict[str, FailureGroup], given: Given, query: str
) -> None:
    given(three)
    expected = set(listed(desk, f"?{query}"))
    letters = desk.get(f"{LIST}?{query}").context["cl"].result_list
    assert {letter.error_type[0] for letter in letters} == expected


@pytest.mark.parametrize("many", [False, True])
def test_letters_of_more_groups_than_a_query_names_are_found_too(
    desk: Client,
    three: dict[str, FailureGroup],
    many: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owned(three)
    monkeypatch.setattr("dlq_review.desk.group_filters.FEW", 0 if many else 500)
    for owner, errors in (("taken", "AABB"), ("nobody", "C"), ("mine", "AA")):
        found = desk.get(f"{LIST}?owner={owner}").context["cl"].result_list
        assert "".join(sorted(one.error_type[0] for one in found)) == errors


def test_the_groups_of_an_operation_are_listed(
    desk: Client, three: dict[str, FailureGroup]
) -> None:
    chosen = Selection(group=three["C"].pk)
    operation = plans.freeze(chosen, Plan(), by="ada", reason="x")
    assert listed(desk, f"?operation={operation.pk}") == ["C"]
    assert listed(desk, f"?operation={operation.pk}-waiting") == ["C"]
    assert listed(desk, f"?operation={operation.pk}-processed") == []


def test_what_is_new_is_known_for_each_person_until_they_have_looked(
    desk: Client, client_of: ClientOf, three: dict[str, FailureGroup]
) -> None:
    eve = client_of("view", name="eve")
    for client in (desk, eve):
        text = html(client, GROUPS)
        assert "You have not looked through the groups yet." in text
        assert ">New<" not in text
    until = desk.get(GROUPS).context["until"]
    failed("DError")
    answer = desk.post(f"{GROUPS}looked/?sort=count&owner=nobody", {"until": until})
    assert answer["Location"] == f"{GROUPS}?sort=count&owner=nobody"
    assert listed(desk, "?new=1") == ["D"]
    assert html(desk, GROUPS).count(">New<") == 1
    assert "<b>1</b> new" in html(desk, GROUPS)
    assert len(listed(eve, "?new=1")) == 4


def settle(letter: DeadLetter) -> None:
    settlement.resolve(letter, by="ada", reason="x")


def merge_into_another(letter: DeadLetter) -> None:
    known = FailureGroup.objects.get(error_type="KnownError")
    merge.merge(letter.group, known, by="ada", reason="the same")


def merge_while_it_fails(letter: DeadLetter) -> None:
    """The letter arrives during the merge, which leaves it in its former group for now."""
    known = FailureGroup.objects.get(error_type="KnownError")
    FailureGroup.objects.filter(pk=letter.group_id).update(merged_into=known)


@pytest.mark.parametrize("deed", [settle, merge_into_another, merge_while_it_fails])
def test_what_is_new_and_dealt_with_already_is_not_counted(
    desk: Client, deed: Callable[[DeadLetter], None]
) -> None:
    failed("KnownError")
    look(User.objects.get(username="ada"), timezone.now())
    letters = [failed("AError"), failed("BError")]
    for left in (1, 0):
        deed(letters[left])
        assert len(listed(desk, "?new=1")) == left
        said = "<b>1</b> new" if left else "Nothing is new"
        assert said in html(desk, GROUPS)


def test_a_person_who_has_nothing_any_more_is_a_list_of_nothing(
    desk: Client, three: dict[str, FailureGroup]
) -> None:
    """As after the last of their groups was taken over from that very list."""
    assert listed(desk, "?owner=of-eva") == []
    assert listed(desk, "?owner=nonsense") == ["B", "C", "A"]


def test_a_group_that_regressed_is_new_again(desk: Client) -> None:
    letter = failed("AError")
    settlement.resolve(letter, by="ada", reason="x")
    look(User.objects.get(username="ada"), timezone.now())
    assert listed(desk, "?new=1&state=all") == []
    failed("AError")
    assert listed(desk, "?new=1") == ["A"]


@pytest.mark.parametrize(
    "until",
    [
        *("", "never", "2026-13-45", "2026-11-20T10:00:00", "9999-12-31T00:00:00Z"),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_nobody_looks_into_the_future_or_back(desk: Client, until: str) -> None:
    ada = User.objects.get(username="ada")
    look(ada, before := timezone.now())
    look(ada, before - DAY)
    assert last_look(ada) == before
    assert desk.post(f"{GROUPS}looked/", {"until": until}).status_code == 302
    assert before <= LastLook.objects.get().at <= timezone.now()


def test_one_comes_back_to_the_same_list_from_the_page_of_a_group(
    desk: Client, three: dict[str, FailureGroup]
) -> None:
    query = "owner=nobody&sort=count"
    page = f"{GROUPS}{three['A'].pk}/change/?list={quote_plus(query)}"
    assert f'href="{page}"' in html(desk, f"{GROUPS}?{query}")
    shown = f'href="{GROUPS}?{query.replace("&", "&amp;")}"'
    assert shown in html(desk, page)
    verb = f"{GROUPS}{three['A'].pk}/acknowledge/?list={quote_plus(query)}"
    assert f'action="{verb}"' in html(desk, page)
    assert desk.post(verb)["Location"] == page
    FailureGroup.objects.update(owner="eva")
    over = html(desk, take := page.replace("/change/", "/take_over/"))
    assert shown in over
    assert f'href="{page}">Leave it<' in over
    answer = desk.post(take, {"reason": "x"})
    assert answer["Location"] == page
    rehearsed = desk.post(verb.replace("acknowledge", "rehearse")).content.decode()
    assert shown in rehearsed


def test_a_made_up_way_back_leads_nowhere_else(desk: Client) -> None:
    group = failed("AError").group
    text = html(desk, f"{GROUPS}{group.pk}/change/?list=//evil.example/%22%3E")
    assert 'href="//evil' not in text
    assert f'href="{GROUPS}?%2F%2Fevil.example%2F%22%3E="' in text
