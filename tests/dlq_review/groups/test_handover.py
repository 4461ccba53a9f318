"""A group is given, given back and taken over: by whom, from which page, and who is told."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError
from django.test import Client

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import REGRESSION
from dlq_review.errors import ReasonMissingError, ReviewError
from dlq_review.groups import handover, triage
from dlq_review.groups.handover import NoColleagueError, NotYoursError
from dlq_review.groups.triage import SomebodyElsesError, TakenError, newest_entry
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, FailureGroup
from dlq_review.permissions import who_may_see
from processing.delivery import spool
from processing.events.contracts import EmailRequested
from processing.events.envelope import parse
from processing.models import SpooledEvent, User
from tests.builders import dead_letter, failure
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, html

pytestmark = pytest.mark.django_db
WORD = "Ask bob@example.com first."
MASKED = "Ask b…@example.com first."


def colleague(name: str, *permissions: str, **more: object) -> User:
    fields = {"email": f"{name}@x.org", "is_staff": True, **more}
    user = User.objects.create(username=name, **fields)
    held = Permission.objects.filter(
        codename__in=[f"{p}_deadletter" for p in permissions]
    )
    user.user_permissions.set(held)
    return user


@pytest.fixture
def eva() -> User:
    return colleague("eva", "view", "change")


@pytest.fixture
def group() -> FailureGroup:
    return dead_letter(attributes=failure()).group


def now(group: FailureGroup) -> tuple[str, str]:
    group.refresh_from_db()
    return group.owner, group.state


def trail(group: FailureGroup) -> list[tuple[str, str, str, str, str]]:
    entries = group.audit.order_by("pk")
    return list(entries.values_list("actor", "verb", "before", "after", "reason"))


def mails() -> list[EmailRequested]:
    """What waits for the relay, the oldest first."""
    rows = SpooledEvent.objects.order_by("pk")
    events = [parse(row.body, fallback_id="") for row in rows]
    return [cast(EmailRequested, event.data) for event in events]


def test_a_group_is_given_with_a_word_that_is_mailed(
    group: FailureGroup, eva: User
) -> None:
    assert handover.give(group, eva, WORD, by="ada")
    assert now(group) == ("eva", "acknowledged")
    assert trail(group) == [("ada", "given", "", "eva", MASKED)]
    (mail,) = mails()
    assert (mail.recipient, mail.subject) == (
        "eva@x.org",
        "Holdfast: ada gave you a failure group",
    )
    what, word, page = (mail.body or "").split("\n\n")
    assert what.endswith(": OrderExistsError in order_created on orders.")
    assert word == MASKED
    assert page.endswith(f"/admin/dlq_review/failuregroup/{group.pk}/change/")


def test_the_mail_is_stored_with_the_change_or_neither_is(
    group: FailureGroup, eva: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **more: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(spool, "record", refuse)
    with pytest.raises(DatabaseError):
        handover.give(group, eva, WORD, by="ada")
    assert now(group) == ("", "open")
    assert not group.audit.exists()


def test_who_has_no_address_is_not_mailed(group: FailureGroup, desk: Client) -> None:
    colleague("bob", "view", email="")
    eva = colleague("eva", "view", email="no address")
    answer = desk.post(f"{GROUPS}{group.pk}/give/", {"to": eva.pk}, follow=True)
    assert "eva, who has no mail address: tell them" in answer.content.decode()
    assert now(group) == ("eva", "acknowledged")
    assert not mails()


OWNERS = ["", "ada", "bob"]
ERRORS: dict[str, dict[str, type[ReviewError] | None]] = {
    #                  nobody has it,   ada has it,  bob has it; ada acts
    "acknowledge": dict(zip(OWNERS, [None, None, TakenError], strict=True)),
    "give": dict(zip(OWNERS, [None, None, TakenError], strict=True)),
    "give_back": dict(zip(OWNERS, [NotYoursError, None, NotYoursError], strict=True)),
    "take_over": dict(zip(OWNERS, [None, None, None], strict=True)),
}


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("verb", ERRORS)
def test_who_may_do_what_with_whose_group(
    group: FailureGroup, eva: User, verb: str, owner: str
) -> None:
    FailureGroup.objects.update(owner=owner)
    acts: dict[str, Callable[[], object]] = {
        "acknowledge": lambda: triage.acknowledge(group, by="ada"),
        "give": lambda: handover.give(group, eva, "x", by="ada"),
        "give_back": lambda: handover.give_back(group, by="ada"),
        "take_over": lambda: handover.take_over(group, "x", by="ada"),
    }
    after = {"acknowledge": "ada", "give": "eva", "give_back": "", "take_over": "ada"}
    refused = ERRORS[verb][owner]
    if refused is None:
        acts[verb]()
        assert now(group)[0] == after[verb]
        return
    with pytest.raises(refused):
        acts[verb]()
    assert now(group) == (owner, "open")
    assert not group.audit.exists()


@pytest.mark.parametrize(
    ("who", "may_see"),
    [
        (lambda: colleague("viewer", "view"), True),
        (lambda: colleague("boss", is_superuser=True), True),
        (lambda: colleague("editor", "change"), False),
        (lambda: colleague("gone", "view", is_active=False), False),
        (lambda: colleague("customer", "view", is_staff=False), False),
    ],
)
def test_a_group_is_given_only_to_those_who_may_see_it(
    group: FailureGroup, who: object, may_see: bool
) -> None:
    person = who()  # type: ignore[operator]
    assert (person in who_may_see()) == may_see
    if may_see:
        handover.give(group, person, "", by="ada")
    else:
        with pytest.raises(NoColleagueError):
            handover.give(group, person, "", by="ada")


def test_those_who_may_see_it_are_listed_by_name() -> None:
    names = ("zoe", "amy", "max")
    for name in names:
        colleague(name, "view")
    listed = [one.username for one in who_may_see()]
    assert [name for name in listed if name in names] == sorted(names)


def test_nobody_gives_a_group_to_themselves_or_to_nobody(
    desk: Client, group: FailureGroup
) -> None:
    ada = User.objects.get(username="ada")
    for to in (ada.pk, "", "999999", "x"):
        fields = {"to": to, "reason": "typed"}
        answer = desk.post(f"{GROUPS}{group.pk}/give/", fields)
        assert answer.status_code == HTTPStatus.CONFLICT
        assert 'value="typed"' in answer.content.decode()
    assert now(group) == ("", "open")


def test_a_group_that_is_given_back_is_open_unless_it_regressed(
    group: FailureGroup,
) -> None:
    for state, after in (("acknowledged", "open"), ("regressed", "regressed")):
        FailureGroup.objects.update(owner="ada", state=state)
        handover.give_back(group, "On leave", by="ada")
        assert now(group) == ("", after)
    assert trail(group)[0] == ("ada", "given_back", "ada", "", "On leave")


RESOLVED: dict[str, tuple[str, Callable[[FailureGroup, User, Client], object]]] = {
    # who had it, and what is done to the resolved group
    "take": ("", lambda group, eva, desk: triage.acknowledge(group, by="ada")),
    "take again": ("ada", lambda group, eva, desk: triage.acknowledge(group, by="ada")),
    "take several": (
        "",
        lambda group, eva, desk: many(desk, "acknowledge", [*ticks(desk).values()]),
    ),
    "give": ("", lambda group, eva, desk: handover.give(group, eva, "", by="ada")),
    "take over": (
        "bob",
        lambda group, eva, desk: handover.take_over(group, "x", by="ada"),
    ),
    "give back": ("ada", lambda group, eva, desk: handover.give_back(group, by="ada")),
}


@pytest.mark.parametrize("deed", RESOLVED)
def test_a_resolved_group_stays_resolved_whoever_has_it_so_that_it_can_regress(
    desk: Client, eva: User, deed: str
) -> None:
    letter = dead_letter(attributes=failure())
    group, (owner, act) = letter.group, RESOLVED[deed]
    FailureGroup.objects.update(owner=owner)
    settlement.resolve(letter, by="bob", reason="done by hand")
    act(group, eva, desk)
    new = {"give": "eva", "give back": ""}.get(deed, "ada")
    assert now(group) == (new, "resolved")
    text = html(desk, f"{GROUPS}{group.pk}/change/")
    assert ("I take it" in text) == (not new)
    _, verb, before, after, _ = trail(group)[-1]
    assert (before, after) == (owner, new)
    assert verb in ("given", "given_back", "taken_over")
    dead_letter(attributes=failure())
    assert now(group) == (new, "regressed")
    assert raising.lasting(REGRESSION).get().name == f"regression/{group.pk}"


def test_taking_over_asks_for_a_word_and_tells_the_former_owner(
    desk: Client, group: FailureGroup, eva: User
) -> None:
    triage.acknowledge(group, by="eva")
    page = f"{GROUPS}{group.pk}/"
    text = html(desk, f"{page}change/")
    assert f'href="{page}take_over/"' in text
    assert "I take it" not in text
    text = html(desk, f"{page}take_over/")
    assert "Take over from eva?" in text
    seen = re.search(r'name="seen" value="(\d+)"', text)
    assert seen
    fields = {"seen": seen[1], "reason": " "}
    answer = desk.post(f"{page}take_over/", fields)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert str(ReasonMissingError.__doc__) in answer.content.decode()
    assert now(group)[0] == "eva"
    answer = desk.post(f"{page}take_over/", {**fields, "reason": "You are on leave."})
    assert answer["Location"] == f"{page}change/"
    assert now(group) == ("ada", "acknowledged")
    assert trail(group)[1:] == [
        ("ada", "taken_over", "eva", "ada", "You are on leave.")
    ]
    (mail,) = mails()
    assert mail.recipient == eva.email
    assert (mail.body or "").startswith("ada took over a failure group of yours: ")
    assert "\n\nYou are on leave.\n\n" in (mail.body or "")


def test_a_page_of_taking_over_that_is_out_of_date_keeps_what_was_typed(
    desk: Client, group: FailureGroup, eva: User
) -> None:
    triage.acknowledge(group, by="eva")
    url = f"{GROUPS}{group.pk}/take_over/"
    fields = {"seen": newest_entry(group), "reason": "typed"}
    handover.give(group, colleague("zoe", "view"), "", by="eva")
    answer = desk.post(url, fields)
    text = answer.content.decode()
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "was changed by eva in the meantime (gave it to: zoe)" in text
    assert "Take over from zoe?" in text
    assert 'value="typed"' in text
    handover.give_back(group, by="zoe")
    answer = desk.post(url, fields)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert 'value="typed"' in answer.content.decode()
    assert now(group) == ("", "open")


def test_a_verb_that_names_no_entry_has_seen_none_of_a_colleague(
    desk: Client, group: FailureGroup, eva: User
) -> None:
    triage.acknowledge(group, by="eva")
    answer = desk.post(f"{GROUPS}{group.pk}/take_over/", {"reason": "typed"})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert now(group)[0] == "eva"


def test_of_two_who_take_a_group_at_once_one_is_told(group: FailureGroup) -> None:
    seen = newest_entry(group)
    triage.acknowledge(group, by="ada", seen=seen)
    with pytest.raises(SomebodyElsesError):
        triage.acknowledge(group, by="bob", seen=seen)
    with pytest.raises(SomebodyElsesError):
        handover.take_over(group, "mine", by="bob", seen=seen)
    assert now(group)[0] == "ada"


def test_whoever_comes_late_is_told_of_the_newest_change(
    group: FailureGroup, eva: User
) -> None:
    seen = newest_entry(group)
    for who, deed, did in (
        ("bob", lambda: triage.acknowledge(group, by="bob"), "noted: acknowledged"),
        ("zoe", lambda: triage.annotate(group, "x", by="zoe"), "noted"),
        ("bob", lambda: handover.give(group, eva, "", by="bob"), "gave it to: eva"),
        ("eva", lambda: handover.give_back(group, by="eva"), "gave it back"),
    ):
        deed()
        with pytest.raises(SomebodyElsesError) as late:
            triage.annotate(group, "late", by="ada", seen=seen)
        assert f"was changed by {who} in the meantime ({did})" in str(late.value)


def many(
    client: Client, verb: str, ticked: list[str], **more: object
) -> tuple[int, str]:
    fields = {"verb": verb, "chosen": ticked, **more}
    answer = client.post(f"{GROUPS}many/?sort=count", fields, follow=True)
    if answer.redirect_chain:
        assert answer.redirect_chain[0][0] == f"{GROUPS}?sort=count"
    return answer.status_code, answer.content.decode()


def ticks(client: Client) -> dict[str, str]:
    """What the list sends for each ticked group, by its error."""
    rows = client.get(f"{GROUPS}?state=all").context["groups"]
    return {row["group"].error_type: f"{row['group'].pk}-{row['seen']}" for row in rows}


@pytest.fixture
def two() -> list[FailureGroup]:
    letters = [
        dead_letter(attributes=failure(error_type=e)) for e in ("AError", "BError")
    ]
    return [letter.group for letter in letters]


@pytest.mark.parametrize(
    ("verb", "owners", "after"),
    [
        ("acknowledge", ["", "ada"], ("ada", "acknowledged")),
        ("give", ["", "ada"], ("eva", "acknowledged")),
        ("give_back", ["ada", "ada"], ("", "open")),
        ("resolve", ["", "eva"], (None, "resolved")),
    ],
)
def test_ticked_groups_are_acted_on_as_one_is(
    desk: Client,
    two: list[FailureGroup],
    eva: User,
    verb: str,
    owners: list[str],
    after: tuple[str | None, str],
) -> None:
    for group, owner in zip(two, owners, strict=True):
        FailureGroup.objects.filter(pk=group.pk).update(
            owner=owner, waiting=0, state="acknowledged" if owner else "open"
        )
    status, text = many(desk, verb, [*ticks(desk).values()], to=eva.pk, reason="All")
    assert status == HTTPStatus.OK
    assert "Done for 2 groups." in text
    for group, owner in zip(two, owners, strict=True):
        expected = owner if after[0] is None else after[0]
        assert now(group) == (expected, after[1])
        assert group.audit.get().actor == "ada"
    assert len(mails()) == (2 if verb == "give" else 0)


@pytest.mark.parametrize("verb", ["acknowledge", "give", "give_back", "resolve"])
def test_a_ticked_group_that_a_colleague_changed_since_is_left_alone(
    desk: Client, two: list[FailureGroup], eva: User, verb: str
) -> None:
    FailureGroup.objects.update(owner="ada", waiting=0)
    ticked = ticks(desk)
    triage.annotate(two[0], "Mine!", by="bob")
    before = now(two[0])
    status, text = many(desk, verb, [*ticked.values()], to=eva.pk, reason="typed")
    assert status == HTTPStatus.CONFLICT
    assert "was changed by bob in the meantime" in text
    assert "Done for 1 group." in text
    assert 'value="typed"' in text
    assert now(two[0]) == before
    assert AuditEntry.objects.filter(group=two[1]).count() == 1


def test_a_tick_from_before_any_entry_does_not_pass_for_the_newest(
    desk: Client, two: list[FailureGroup]
) -> None:
    ticked = ticks(desk)
    for who in ("bob", "ada"):
        triage.annotate(two[0], f"Seen by {who}.", by=who)
    before = now(two[0])
    status, _ = many(desk, "acknowledge", [*ticked.values()])
    assert status == HTTPStatus.CONFLICT
    assert now(two[0]) == before


@pytest.mark.parametrize(
    ("verb", "chosen"),
    [("give", []), ("", ["1-0"]), ("merge", ["1-0"]), ("give", ["x-y", "0", "-"])],
)
def test_ticking_nothing_or_asking_for_nothing_changes_nothing(
    desk: Client, two: list[FailureGroup], verb: str, chosen: list[str]
) -> None:
    status, text = many(desk, verb, chosen)
    assert status == HTTPStatus.CONFLICT
    assert "Tick at least one group." in text
    assert not AuditEntry.objects.filter(group__isnull=False).exists()


def test_who_may_not_change_anything_gets_no_form(
    client_of: ClientOf, two: list[FailureGroup]
) -> None:
    viewer = client_of("view", name="eve")
    pages = html(viewer, GROUPS), html(viewer, f"{GROUPS}{two[0].pk}/change/")
    for text in pages:
        assert "/give/" not in text
        assert "/many/" not in text
        assert 'name="chosen"' not in text
