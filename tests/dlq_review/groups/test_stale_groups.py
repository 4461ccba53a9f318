"""What is said about a group from a page that is out of date: each verb, after each deed."""

import re
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.test import Client

from dlq_review.groups import counter_drift, merge, triage
from dlq_review.letters import settlement
from dlq_review.models import FailureGroup
from processing.models import User
from tests.builders import dead_letter, failure
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, html

pytestmark = pytest.mark.django_db

Deed = Callable[[FailureGroup], object]


def group_of(error: str) -> FailureGroup:
    """A group of which nothing waits, so that it can be resolved."""
    letter = dead_letter(attributes=failure(error_type=error))
    settlement.resolve(letter, by="holdfast", reason="x")
    return letter.group


@pytest.fixture
def subject() -> FailureGroup:
    """It has one member, and may be merged into others."""
    group = group_of("AError")
    merge.merge(group_of("BError"), group, by="ada", reason="the same")
    group_of("CError")
    User.objects.create(username="eva", is_staff=True, is_superuser=True)
    group.refresh_from_db()
    return group


#: What a colleague did since the page was shown.
DEEDS: dict[str, Deed] = {
    "acknowledged": lambda group: triage.acknowledge(group, by="bob"),
    "annotated": lambda group: triage.annotate(group, "Mine!", by="bob"),
    "resolved": lambda group: triage.resolve_group(group, by="bob"),
    "merged": lambda group: merge.merge(group_of("DError"), group, by="bob", reason=""),
    "split": lambda group: merge.split(group.members.get(), by="bob", reason=""),
}
FIELDS = {
    "acknowledge": {},
    "resolve": {},
    "give": {"to": "eva", "reason": "x"},
    "annotate": {"note": "Ours.\r\nAll of it."},
    "merge": {"into": "CError", "reason": "the same"},
    "split": {},
}
every_verb = pytest.mark.parametrize("verb", FIELDS)


def send(client: Client, text: str, verb: str, *, seen: bool = True) -> tuple[int, str]:
    """Press the button of *verb* on the page *text*."""
    found = re.search(
        rf'action="({GROUPS}\d+/{verb}/)"[^>]*>.*?name="seen" value="(\d+)"',
        text,
        re.DOTALL,
    )
    assert found, verb
    fields = {**FIELDS[verb], **({"seen": found[2]} if seen else {})}
    if "into" in fields:
        fields["into"] = str(FailureGroup.objects.get(error_type=fields["into"]).pk)
    if "to" in fields:
        fields["to"] = str(User.objects.get(username=fields["to"]).pk)
    answer = client.post(found[1], fields, follow=True)
    return answer.status_code, answer.content.decode()


def said_of(group: FailureGroup) -> tuple[str, ...]:
    row = FailureGroup.objects.get(pk=group.pk)
    return row.state, row.owner, row.note, str(row.merged_into)


def page_of(group: FailureGroup) -> str:
    return f"{GROUPS}{group.pk}/change/"


@pytest.mark.parametrize(
    ("deed", "verbs"),
    [
        # Whoever has a group is asked for it on a page of its own (test_handover.py).
        ("acknowledged", ("resolve", "annotate", "merge")),
        ("annotated", ("acknowledge", "resolve", "give", "annotate", "merge")),
        ("resolved", ("acknowledge", "resolve", "give", "annotate", "merge")),
        ("merged", ("acknowledge", "resolve", "give", "annotate", "merge")),
        ("split", ("acknowledge", "resolve", "give", "annotate", "merge")),
        *((deed, ("split",)) for deed in ("annotated", "resolved")),  # to its member
    ],
)
def test_what_a_colleague_did_since_is_never_overwritten_without_a_word(
    desk: Client, subject: FailureGroup, deed: str, verbs: tuple[str, ...]
) -> None:
    stale = html(desk, page_of(subject))
    changed = subject.members.get() if "split" in verbs else subject
    DEEDS[deed](changed)
    before = said_of(changed)
    for verb in verbs:
        _, answer = send(desk, stale, verb)
        assert "was changed by bob in the meantime" in answer, verb
        assert said_of(changed) == before, verb
    _, answer = send(desk, html(desk, page_of(subject)), verbs[0])
    assert "in the meantime" not in answer
    assert changed.audit.latest("pk").actor == "ada"


@every_verb
def test_who_posts_without_a_page_overwrites_no_colleague(
    desk: Client, subject: FailureGroup, verb: str
) -> None:
    stale = html(desk, page_of(subject))
    changed = subject.members.get() if verb == "split" else subject
    triage.annotate(changed, "Mine!", by="bob")
    before = said_of(changed)
    _, answer = send(desk, stale, verb, seen=False)
    assert "was changed by bob in the meantime" in answer
    assert said_of(changed) == before


@every_verb
def test_a_page_that_has_seen_all_says_what_it_says(
    desk: Client, subject: FailureGroup, verb: str
) -> None:
    triage.annotate(subject, "Mine!", by="bob")
    status, answer = send(desk, html(desk, page_of(subject)), verb)
    assert status == HTTPStatus.OK
    assert "in the meantime" not in answer
    assert subject.audit.latest("pk").actor == "ada"


def test_the_note_that_was_typed_over_another_is_kept_beside_it(
    desk: Client, subject: FailureGroup
) -> None:
    stale = html(desk, page_of(subject))
    triage.annotate(subject, "Call the bank.", by="bob")
    status, answer = send(desk, stale, "annotate")
    assert status == HTTPStatus.CONFLICT
    assert "It says now: Call the bank." in answer
    assert "Ours.\nAll of it.</textarea>" in answer
    send(desk, answer, "annotate")
    subject.refresh_from_db()
    assert subject.note == "Ours.\nAll of it."
    assert "Note was: Call the bank." in html(desk, page_of(subject))


def test_a_second_page_of_ones_own_is_out_of_date_too(
    desk: Client, subject: FailureGroup
) -> None:
    stale = html(desk, page_of(subject))
    triage.annotate(subject, "What I wrote since", by="ada")
    assert send(desk, stale, "annotate")[0] == HTTPStatus.CONFLICT
    subject.refresh_from_db()
    assert subject.note == "What I wrote since"


def test_what_the_machinery_did_since_stops_nobody(
    desk: Client, subject: FailureGroup
) -> None:
    stale = html(desk, page_of(subject))
    dead_letter(attributes=failure(error_type="AError"))
    FailureGroup.objects.filter(pk=subject.pk).update(waiting=7)
    assert counter_drift.mend()
    send(desk, stale, "acknowledge")
    subject.refresh_from_db()
    assert (subject.state, subject.owner) == ("acknowledged", "ada")


def test_a_long_note_is_kept_whole(client_of: ClientOf, subject: FailureGroup) -> None:
    note = "a line\n" * 714  # of the 5,000 characters that the field takes
    editor = client_of("view", "change", name="eve")
    url = f"{GROUPS}{subject.pk}/annotate/"
    seen = str(triage.newest_entry(subject))
    editor.post(url, {"note": note.replace("\n", "\r\n"), "seen": seen})
    subject.refresh_from_db()
    assert subject.note == note
