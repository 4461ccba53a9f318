"""The audit as a list: to the second, by person, day, letter and operation; bulk is one row."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.test import Client

from dlq_review.groups import triage
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.events.envelope import Event
from processing.models import User
from tests.builders import dead_letter, order_created
from tests.dlq_review.desk_pages import html

pytestmark = pytest.mark.django_db
AUDIT = "/admin/dlq_review/auditentry/"
NOON = datetime(2026, 11, 20, 12, 0, 7, tzinfo=UTC)


#: By an operation, and by the machine that ended it.
DISCARD = ["steered 1", "discarded 3", "started 1"]
ALL = [*DISCARD, "pulled 3"]


@pytest.fixture
def auditor() -> Client:
    user = User.objects.create(username="ada", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def told(client: Client, query: str = "") -> list[str]:
    """What each row of the list says was done, the newest first."""
    folds = client.get(f"{AUDIT}{query}").context["folds"]
    return [f"{fold.first.verb} {len(fold.rows)}" for fold in folds]


@pytest.fixture
def letters() -> list[DeadLetter]:
    """Three were pulled; eva discarded them by an operation, a day later."""
    with time_machine.travel(NOON, tick=False) as clock:
        found = [dead_letter() for _ in range(3)]
        clock.move_to(NOON + timedelta(days=1))
        plan = Plan(kind="discard", rate=500)
        operation = plans.freeze(Selection(), plan, by="eva", reason="a test")
        control.start(operation, by="eva")
        runner.run(operation, seconds=5)
    return found


def test_what_an_operation_did_to_many_is_one_row(
    auditor: Client, letters: list[DeadLetter]
) -> None:
    assert told(auditor) == ALL
    first = AuditEntry.objects.filter(verb="pulled").earliest("pk")
    AuditEntry.objects.filter(pk=first.pk).update(at=NOON - timedelta(minutes=1))
    text = html(auditor, AUDIT)
    assert re.search("since <time[^>]*>20 Nov 2026, 11:59:07 UTC", text)
    assert "<summary>3 dead letters</summary>" in text
    assert "21 Nov 2026, 12:00:07 UTC" in text
    for letter in letters:
        assert f'/deadletter/{letter.pk}/change/">{letter}</a>' in text


def discard(letter: DeadLetter, by: str = "ada", reason: str = "x") -> None:
    settlement.discard(letter, by=by, reason=reason)


def resolve(letter: DeadLetter) -> None:
    settlement.resolve(letter, by="ada", reason="x")


Deed = Callable[[DeadLetter], None]
KNOWN, UNKNOWN = order_created, lambda: "no event"


@pytest.mark.parametrize(
    ("body", "deed", "verbs"),
    [
        (KNOWN, discard, ["discarded 2"]),
        (KNOWN, partial(discard, by="eva"), ["discarded 1"] * 2),
        (KNOWN, partial(discard, reason="y"), ["discarded 1"] * 2),
        (KNOWN, resolve, ["resolved 1", "discarded 1"]),
        (UNKNOWN, discard, ["discarded 1"] * 2),  # it was quarantined before
    ],
)
def test_only_what_the_same_person_did_in_the_same_words_is_one_row(
    auditor: Client, body: Callable[[], Event | str], deed: Deed, verbs: list[str]
) -> None:
    first, second = dead_letter(), dead_letter(body())
    discard(first)
    deed(second)
    assert told(auditor)[: len(verbs)] == verbs


def test_letters_that_were_brought_back_to_another_state_are_another_row(
    auditor: Client,
) -> None:
    letters = [dead_letter(), dead_letter("no event")]
    for letter in letters:
        discard(letter)
    for letter in letters:
        settlement.restore(letter, by="ada", reason="x")
    assert told(auditor)[:2] == ["restored 1"] * 2


def test_deeds_about_other_things_than_letters_are_rows_of_their_own(
    auditor: Client,
) -> None:
    for letter in (dead_letter(), dead_letter("no event")):
        triage.annotate(letter.group, "x", by="ada")
    noted = AuditEntry.objects.latest("pk").verb
    assert told(auditor)[:2] == [f"{noted} 1"] * 2


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("who=of-eva", ["discarded 3", "started 1"]),
        ("who=machine", ["steered 1", "pulled 3"]),
        ("who=of-nobody", []),
        ("who=of-", []),
        ("who=nonsense", ALL),
        ("day=2026-11-20", ["pulled 3"]),
        ("day=2026-11-21", DISCARD),
        ("day=2026-11-19", []),
        ("day=0001-01-01", ALL),
        ("day=9999-12-31", ALL),
        ("letter={letter}", ["discarded 1", "pulled 1"]),
        ("letter=0", ALL),
        ("group={group}", []),
        ("operation={operation}", DISCARD),
        ("operation=999", []),
        ("who=of-eva&letter={letter}", ["discarded 1"]),
        ("verb__exact=pulled", ["pulled 3"]),
    ],
)
def test_the_audit_is_narrowed(
    auditor: Client, letters: list[DeadLetter], query: str, rows: list[str]
) -> None:
    entry = AuditEntry.objects.get(verb="started")
    numbers = {"letter": letters[0].pk, "group": letters[0].group_id}
    query = query.format(operation=entry.operation_id, **numbers)
    assert told(auditor, f"?{query}") == rows


def test_each_row_leads_to_what_it_is_about_and_to_more_of_it(auditor: Client) -> None:
    letter = dead_letter()
    triage.acknowledge(letter.group, by="ada")
    text = html(auditor, AUDIT)
    for link in (
        f"/admin/dlq_review/failuregroup/{letter.group_id}/change/",
        f"/admin/dlq_review/deadletter/{letter.pk}/change/",
        f"?letter={letter.pk}",
        f"?group={letter.group_id}",
        "?who=of-ada",
        "?who=machine",
        f"?day={AuditEntry.objects.latest('pk').at:%Y-%m-%d}",
    ):
        assert f'href="{link}"' in text


def test_a_reason_that_names_a_person_is_masked_by_each_letter_in_a_fold(
    auditor: Client,
) -> None:
    named = order_created(email="grace.zquill@example.com")
    for event in (order_created(), named):
        dead_letter(event)
    for letter in DeadLetter.objects.all():
        settlement.discard(
            letter, by="ada", reason="Zquill rang, grace.zquill@example.com"
        )
    text = html(auditor, AUDIT)
    assert len(re.findall('"What">discarded</td>', text)) == 1
    assert "grace.zquill" not in text
    assert len(re.findall(r"\brang\b", text)) == 2, (
        "each letter has its own, and the fold has none"
    )
