"""Who may do what to whom: actor, target and field as a table, over the admin's own pages."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.test import Client
from django.urls import reverse

from processing.models import StaffMember, User
from processing.staff import rights

pytestmark = pytest.mark.django_db
WORD = "a long one, 47 horses"
LOOK, MANAGE = (
    "view_order",
    ("view_staffmember", "change_staffmember", "add_staffmember"),
)
GROUPS = ("add_group", "change_group", "delete_group", "view_group")


def permissions(*names: str) -> list[Permission]:
    found = list(Permission.objects.filter(codename__in=names))
    assert len(found) == len(names)
    return found


def staff(name: str, *names: str, **fields: Any) -> StaffMember:
    member = StaffMember(username=name, is_staff=True, email=f"{name}@x.example")
    for field, value in fields.items():
        setattr(member, field, value)
    member.set_password("the old word")
    member.save()
    member.user_permissions.set(permissions(*names))
    return member


def group(name: str, *names: str) -> Group:
    made = Group.objects.create(name=name)
    made.permissions.set(permissions(*names))
    return made


@pytest.fixture
def manager() -> StaffMember:
    """May manage staff and groups, and look at orders; nothing else, and no superuser."""
    return staff("manager", LOOK, *MANAGE, *GROUPS)


@pytest.fixture
def desk(client: Client, manager: StaffMember) -> Client:
    client.force_login(User.objects.get(pk=manager.pk))
    return client


def page(target: StaffMember) -> str:
    return reverse("admin:processing_staffmember_change", args=[target.pk])


def fields(target: StaffMember, **changes: Any) -> dict[str, Any]:
    return {
        "username": target.username,
        "email": target.email,
        "name": target.name,
        "is_active": "on",
        "groups": [one.pk for one in target.groups.all()],
        **changes,
    }


def snapshot(target: StaffMember) -> dict[str, Any]:
    row = StaffMember.objects.filter(pk=target.pk).values().get()
    return row | {"groups": set(target.groups.values_list("name", flat=True))}


STRONGER: dict[str, dict[str, Any]] = {
    "superuser": {"is_superuser": True},
    "superuser who is shut out": {"is_superuser": True, "is_active": False},
    "more by name": {"names": ("view_order", "delete_user")},
    "more by group": {"group": ("delete_user",)},
    "more, and shut out": {"names": ("delete_user",), "is_active": False},
}
CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "email": {"email": "mine@x.example"},
    "username": {"username": "mine"},
    "name": {"name": "Mine"},
    "shut out": {"is_active": ""},
    "let in": {"is_active": "on"},
    "groups": {"groups": []},
    "superuser": {"is_superuser": "on"},
    "hidden rights": {"user_permissions": [1, 2, 3], "is_staff": "on"},
    "hidden password": {"password": "md5$a$b"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", STRONGER)
def test_whoever_may_more_is_not_touched(desk: Client, kind: str, change: str) -> None:
    told = dict(STRONGER[kind])
    target = staff(
        "target",
        *told.pop("names", ()),
        **{name: value for name, value in told.items() if name != "group"},
    )
    if "group" in told:
        target.groups.add(group("strong", *told["group"]))
    before = snapshot(target)
    answer = desk.post(page(target), fields(target, **CHANGES[change]))
    assert answer.status_code == 403
    assert snapshot(target) == before
    password = reverse("admin:auth_user_password_change", args=[target.pk])
    assert desk.get(password).status_code == 403
    answer = desk.post(password, {"password1": WORD, "password2": WORD})
    assert answer.status_code == 403
    assert snapshot(target) == before
    assert desk.get(page(target)).status_code == 200, "it may be looked at"


@pytest.mark.parametrize("who", ["manager", "weaker", "equal"])
def test_nobody_is_raised_above_the_one_who_edits(
    desk: Client, manager: StaffMember, who: str
) -> None:
    names = {"weaker": (LOOK,), "equal": (LOOK, *MANAGE, *GROUPS)}
    target = manager if who == "manager" else staff("target", *names[who])
    strong, weak = group("strong", LOOK, "delete_user"), group("weak", LOOK)
    assert f'value="{strong.pk}"' not in desk.get(page(target)).content.decode()

    answer = desk.post(page(target), fields(target, groups=[strong.pk, weak.pk]))
    assert answer.status_code == 200, "the form says that this is no choice"
    hidden = {
        "is_superuser": "on",
        "user_permissions": [one.pk for one in permissions("delete_user")],
        "password": "md5$a$b",
    }
    answer = desk.post(page(target), fields(target, groups=[weak.pk], **hidden))
    assert answer.status_code == 302
    after = StaffMember.objects.get(pk=target.pk)
    assert not after.is_superuser
    assert after.check_password("the old word")
    assert not after.has_perm("processing.delete_user")
    assert {one.name for one in after.groups.all()} == {"weak"}


def test_somebody_with_less_is_managed_whole(desk: Client) -> None:
    target = staff("target", LOOK)
    changed = fields(target, email="new@x.example", is_active="")
    assert desk.post(page(target), changed).status_code == 302
    after = StaffMember.objects.get(pk=target.pk)
    assert (after.email, after.is_active) == ("new@x.example", False)
    password = reverse("admin:auth_user_password_change", args=[target.pk])
    told = {"usable_password": "true", "password1": WORD, "password2": WORD}
    assert desk.post(password, told).status_code == 302
    assert StaffMember.objects.get(pk=target.pk).check_password(WORD)


def test_who_is_made_anew_gets_no_rights_along(desk: Client) -> None:
    told = {
        "username": "new",
        "usable_password": "true",
        "password1": WORD,
        "password2": WORD,
        "is_superuser": "on",
        "groups": [group("strong", "delete_user").pk],
    }
    add = reverse("admin:processing_staffmember_add")
    assert desk.post(add, told).status_code == 302
    new = StaffMember.objects.get(username="new")
    assert not new.is_superuser
    assert new.get_all_permissions() == set()


def group_page(verb: str, *args: int) -> str:
    return reverse(f"admin:auth_group_{verb}", args=args)


def test_a_group_gets_no_permission_that_its_editor_has_not(
    desk: Client, manager: StaffMember
) -> None:
    own = group("own", LOOK)
    manager.groups.add(own)
    beyond = permissions("delete_user")[0]
    told = {"name": "own", "permissions": [beyond.pk]}
    assert desk.post(group_page("change", own.pk), told).status_code == 200
    told["name"] = "new"
    assert desk.post(group_page("add"), told).status_code == 200
    assert not Group.objects.filter(
        permissions=beyond, name__in=("own", "new")
    ).exists()
    page = desk.get(group_page("add")).content.decode()
    assert f'type="checkbox" name="permissions" value="{beyond.pk}"' not in page
    assert page.count('type="checkbox" name="permissions"') == 8, "the editor's own"
    told["permissions"] = [one.pk for one in permissions(LOOK)]
    assert desk.post(group_page("add"), told).status_code == 302
    assert Group.objects.get(name="new").permissions.count() == 1


def test_a_group_that_may_more_is_neither_changed_nor_deleted(desk: Client) -> None:
    strong = group("strong", LOOK, "delete_user")
    told = {"name": "weak", "permissions": []}
    assert desk.post(group_page("change", strong.pk), told).status_code == 403
    assert (
        desk.post(group_page("delete", strong.pk), {"post": "yes"}).status_code == 403
    )
    bulk = {"action": "delete_selected", "_selected_action": strong.pk, "post": "yes"}
    desk.post(group_page("changelist"), bulk)
    strong = Group.objects.get(name="strong")
    assert strong.permissions.count() == 2


def test_a_superuser_makes_superusers_and_gives_any_group(admin_client: Client) -> None:
    target = staff("target")
    strong = group("strong", "delete_user")
    told = fields(target, is_superuser="on", groups=[strong.pk])
    assert admin_client.post(page(target), told).status_code == 302
    after = StaffMember.objects.get(pk=target.pk)
    assert after.is_superuser
    assert list(after.groups.all()) == [strong]
    told = {"name": "strong", "permissions": []}
    answer = admin_client.post(group_page("change", strong.pk), told)
    assert answer.status_code == 302


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_superuser": True}])
def test_only_the_active_and_superusers_have_rights_to_give(
    manager: StaffMember, change: dict[str, bool]
) -> None:
    for field, value in change.items():
        setattr(manager, field, value)
    everything = Permission.objects.count()
    assert rights.grantable_permissions(manager).count() == (
        everything if manager.is_superuser else 0
    )
    assert rights.grantable_permissions(AnonymousUser()).count() == 0
