"""Two people do something to the same group at the same moment, on PostgreSQL."""

from collections.abc import Callable
from threading import Barrier

import pytest
from django.db import connection

from dlq_review.groups import handover, triage
from dlq_review.groups.triage import SomebodyElsesError, newest_entry
from dlq_review.models import FailureGroup
from processing.models import SpooledEvent, User
from tests.builders import dead_letter, failure
from tests.dlq_review.groups.test_handover import colleague
from tests.dlq_review.threads import together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite has one writer at a time"
    ),
]

Act = Callable[[FailureGroup, str, int, User], object]
#: What somebody does from a page that shows the audit up to an entry; eva may be given it.
ACTS: dict[str, Act] = {
    "take": lambda group, by, seen, eva: triage.acknowledge(group, by=by, seen=seen),
    "give": lambda group, by, seen, eva: handover.give(
        group, eva, f"word of {by}", by=by, seen=seen
    ),
    "give back": lambda group, by, seen, eva: handover.give_back(
        group, by=by, seen=seen
    ),
    "take over": lambda group, by, seen, eva: handover.take_over(
        group, f"word of {by}", by=by, seen=seen
    ),
    "annotate": lambda group, by, seen, eva: triage.annotate(
        group, f"note of {by}", by=by, seen=seen
    ),
    "resolve": lambda group, by, seen, eva: triage.resolve_group(
        group, by=by, seen=seen
    ),
}
#: Who has it first, and what two people do: the first named, then the second.
PAIRS = [
    ("", ("ada", "take"), ("bob", "take")),
    ("", ("ada", "take"), ("bob", "give")),
    ("", ("ada", "give"), ("bob", "give")),
    ("", ("ada", "take"), ("bob", "take over")),
    ("zoe", ("ada", "take over"), ("bob", "take over")),
    ("zoe", ("zoe", "give back"), ("bob", "take over")),
    ("zoe", ("zoe", "give"), ("bob", "take over")),
    ("zoe", ("zoe", "give"), ("zoe", "give back")),  # in two windows
    ("zoe", ("zoe", "annotate"), ("bob", "annotate")),
    ("zoe", ("zoe", "resolve"), ("bob", "take over")),
]


@pytest.fixture
def eva() -> User:
    colleague("zoe", "view")
    return colleague("eva", "view")


def owner_after(group: FailureGroup, who: str, what: str) -> str:
    owners = {"take": who, "take over": who, "give": "eva", "give back": ""}
    return owners.get(what, group.owner)


@pytest.mark.parametrize(("owner", "one", "other"), PAIRS)
def test_of_two_at_the_same_group_one_wins_and_the_other_is_told_who(
    monkeypatch: pytest.MonkeyPatch,
    eva: User,
    owner: str,
    one: tuple[str, str],
    other: tuple[str, str],
) -> None:
    group = dead_letter(attributes=failure()).group
    FailureGroup.objects.update(owner=owner, note="before", waiting=0)
    group.refresh_from_db()
    seen, both, lock = newest_entry(group), Barrier(2), triage.locked
    won: list[tuple[str, str]] = []
    told: list[str] = []

    def locked(group: FailureGroup, seen: int | None) -> FailureGroup:
        both.wait(60)  # each has read what there was, and nobody has the row
        return lock(group, seen)

    def act(mine: tuple[str, str]) -> None:
        who, what = mine
        try:
            ACTS[what](FailureGroup.objects.get(pk=group.pk), who, seen, eva)
            won.append(mine)
        except SomebodyElsesError as error:
            told.append(str(error))

    monkeypatch.setattr(triage, "locked", locked)
    monkeypatch.setattr(handover, "locked", locked)
    together(lambda: act(one), lambda: act(other))

    ((who, what),) = won
    (said,) = told
    assert f"was changed by {who} in the meantime" in said
    after = FailureGroup.objects.get()
    assert after.owner == owner_after(group, who, what)
    assert after.note == (f"note of {who}" if what == "annotate" else "before")
    assert list(group.audit.values_list("actor", flat=True)) == [who]
    mails = what == "give" or (what == "take over" and bool(owner))
    assert SpooledEvent.objects.count() == mails
