"""Who may do what, and how a person is told that they may not."""

from collections.abc import Iterable

import pytest
from django.contrib.auth.models import Permission

from dlq_review.models import Operation
from dlq_review.permissions import PERMISSIONS, denial, may, may_operate, needed_for
from processing.models import User

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
