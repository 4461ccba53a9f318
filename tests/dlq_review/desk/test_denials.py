"""Who may do what, and how a person is told that they may not."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission
from django.urls import reverse
from django.utils import timezone

from dlq_review.desk.letter_actions import actions_for
from dlq_review.letters.current_event import Processed
from dlq_review.models import DeadLetter, Operation
from dlq_review.permissions import PERMISSIONS, denial, may, may_operate, needed_for
from processing.models import User
from tests.builders import dead_letter, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import html

pytestmark = pytest.mark.django_db


def holder(codenames: Iterable[str]) -> User:
    """A member of staff with these permissions and no other."""
    user, _ = User.objects.get_or_create(username="ada", is_staff=True)
    names = [f"{one}_deadletter" for one in codenames]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("deed", "codename"),
    [
        ("view", "view"),
        ("edit", "change"),
        ("rehearse", "redrive"),
        ("redrive", "redrive"),
        ("undo", "redrive"),
        ("bulk_redrive", "bulk_redrive"),
        ("export", "export"),
        ("reveal", "view_personal"),
        ("discard", "discard"),
        ("resolve", "discard"),
        ("restore", "discard"),
    ],
)
def test_a_deed_needs_its_permission_and_no_other(deed: str, codename: str) -> None:
    holds = holder([codename])
    assert may(holds, deed)
    assert denial(holds, (deed,)) == ""
    every = {name.partition(".")[2] for name in PERMISSIONS.values()}
    others = {one.removesuffix("_deadletter") for one in every} - {codename}
    assert not may(holder(others), deed)


@pytest.mark.parametrize(
    ("deed", "codename"),
    [("view_alerts", "view_alertdelivery"), ("test_alerts", "test_alertdelivery")],
)
def test_alerts_have_permissions_of_their_own(deed: str, codename: str) -> None:
    every = [name.partition(".")[2] for name in PERMISSIONS.values()]
    user = User.objects.create(username="eve", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=set(every) - {codename})
    )
    assert not may(User.objects.get(pk=user.pk), deed)
    user.user_permissions.set(Permission.objects.filter(codename=codename))
    assert may(User.objects.get(pk=user.pk), deed)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ((), ""),
        (("view",), ""),
        (("edit",), "edit"),
        (("view", "edit"), "edit"),
        (("edit", "discard"), "edit or discard"),
        (("edit", "bulk_redrive", "reveal"), "edit, redrive many or see personal data of"),
    ],
)  # fmt: skip
def test_who_may_not_is_told_what(names: tuple[str, ...], sentence: str) -> None:
    told = f"You do not have the permission to {sentence} dead letters."
    assert denial(holder(["view"]), names) == (told if sentence else "")


@pytest.mark.parametrize("kind", Operation.Kind.values)
def test_an_operation_needs_the_permission_for_many_and_that_of_its_deed(
    kind: str,
) -> None:
    many, one = needed_for(kind)
    deeds = {"redrive": "view", "discard": "discard", "restore": "discard"}
    codename = deeds.get(kind, "change")
    assert many == "bulk_redrive"
    assert PERMISSIONS[one] == f"dlq_review.{codename}_deadletter"
    assert not may_operate(holder(["bulk_redrive"]), kind)
    assert not may_operate(holder([codename]), kind)
    assert may_operate(holder(["bulk_redrive", codename]), kind)


S = DeadLetter.State
ALL = "redrive edit rehearse resolve discard"
INVALID = "The body is not a valid event yet. Edit it first."
USED = "Its request id was processed with another body, so a redrive is refused."
REMOVED = "Its body was removed after its retention; there is nothing to restore."


def it_is(state: str) -> str:
    return f"It is {state}; only open or quarantined letters can be acted on."


def offered(
    user: User | AnonymousUser,
    *,
    valid: bool = True,
    other: bool = False,
    **letter: Any,
) -> dict[str, tuple[str, str]]:
    """The label of each action and why it is denied. Of *other*, another body was processed."""
    known = Processed(done=other, same=False)
    found = actions_for(user, DeadLetter(**letter), known, valid=valid)
    assert all(name == one.name for name, one in found.items())
    return {name: (one.label, one.denied) for name, one in found.items()}


@pytest.mark.parametrize(
    ("done", "same", "denied"),
    [(False, False, ""), (True, True, ""), (True, False, USED)],
)
def test_a_redrive_of_what_was_processed_is_refused_for_another_body_only(
    done: bool, same: bool, denied: str
) -> None:
    letter = DeadLetter(state=S.OPEN)
    known = Processed(done=done, same=same)
    found = actions_for(holder(list(PERMISSIONS)), letter, known, valid=True)
    assert found["redrive"].denied == denied


@pytest.mark.parametrize(
    ("letter", "names", "denied"),
    [
        ({"state": S.OPEN}, ALL, {}),
        ({"state": S.QUARANTINED}, ALL, {}),
        (
            {"state": S.QUARANTINED, "valid": False},
            ALL,
            {"redrive": INVALID, "rehearse": INVALID},
        ),
        ({"state": S.OPEN, "other": True}, ALL, {"redrive": USED}),
        (
            {"state": S.OPEN, "other": True, "valid": False},
            ALL,
            {"redrive": INVALID, "rehearse": INVALID},
        ),
        *(
            ({"state": one}, ALL, dict.fromkeys(ALL.split(), it_is(words)))
            for one, words in (
                (S.CLAIMED, "being sent"),
                (S.REDRIVEN, "redriven"),
                (S.RESOLVED, "resolved"),
            )
        ),
        (
            {"state": S.CLAIMED, "send_after": timezone.now()},
            ALL.replace("redrive", "undo"),
            dict.fromkeys(ALL.split()[1:], it_is("being sent")),
        ),
        (
            {"state": S.RESOLVED, "purged_at": timezone.now()},
            ALL,
            dict.fromkeys(ALL.split(), it_is("resolved")),
        ),
        ({"state": S.DISCARDED}, "restore", {}),
        (
            {"state": S.DISCARDED, "purged_at": timezone.now()},
            "restore",
            {"restore": REMOVED},
        ),
    ],
)
def test_a_letter_offers_what_its_state_allows_and_says_why_not(
    letter: dict[str, Any], names: str, denied: dict[str, str]
) -> None:
    user = User(is_superuser=True)
    assert offered(user, **letter) == {
        name: (name.capitalize(), denied.get(name, "")) for name in names.split()
    }


@pytest.mark.parametrize(
    "letter",
    [
        {"state": S.OPEN},
        {"state": S.RESOLVED, "valid": False, "other": True},
        {"state": S.CLAIMED, "send_after": timezone.now()},
        {"state": S.DISCARDED, "purged_at": timezone.now()},
    ],
)
def test_a_missing_permission_is_named_before_any_other_reason(
    letter: dict[str, Any],
) -> None:
    for name, (_, why) in offered(AnonymousUser(), **letter).items():
        deed = "redrive" if name == "undo" else name
        assert why == f"You do not have the permission to {deed} dead letters."


def test_what_can_be_edited_as_text_only_needs_the_sight_of_personal_data() -> None:
    letter: dict[str, Any] = {"state": S.QUARANTINED, "valid": False}
    assert offered(holder(["change"]), **letter)["edit"] == (
        "Edit",
        "It can be edited as text only, and you do not have the permission to see "
        "personal data, which the body holds.",
    )
    assert offered(holder(["change", "view_personal"]), **letter)["edit"][1] == ""


@pytest.mark.parametrize(
    ("holds", "keys"),
    [
        (("change", "discard"), set()),
        (("bulk_redrive",), {"R"}),
        (("bulk_redrive", "discard"), {"R", "#"}),
        (("bulk_redrive", "change"), {"R"}),
        (("bulk_redrive", "change", "view_personal"), {"R", "e"}),
    ],
)
def test_what_is_ticked_is_for_who_may_begin_that_operation(
    client_of: ClientOf, holds: tuple[str, ...], keys: set[str]
) -> None:
    dead_letter(order_created())
    url = reverse("admin:dlq_review_deadletter_changelist")
    found = set(re.findall(r'data-ticked="(.)"', html(client_of("view", *holds), url)))
    assert found == keys
