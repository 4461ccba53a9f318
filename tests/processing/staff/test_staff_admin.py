"""Putting people into the groups that the triage desk knows."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from processing.delivery import processor
from processing.models import StaffMember, User
from tests.builders import message, signup_requested

pytestmark = pytest.mark.django_db
LIST = reverse("admin:processing_staffmember_changelist")
ADD = reverse("admin:processing_staffmember_add")


def test_staff_are_made_put_into_a_group_and_shut_out(admin_client: Client) -> None:
    word = "a long one, 47 horses"
    new = {"username": "grace", "password1": word, "password2": word}
    assert admin_client.post(ADD, new).status_code == 302
    grace = StaffMember.objects.get(username="grace")
    assert grace.is_staff
    assert grace.check_password(word)
    page = reverse("admin:processing_staffmember_change", args=[grace.pk])
    group = Group.objects.get(name="Triage editor")
    told = {"username": "grace", "name": "Grace", "is_active": "on", "groups": group.pk}
    assert admin_client.post(page, told).status_code == 302
    grace = StaffMember.objects.get(pk=grace.pk)
    assert grace.has_perm("dlq_review.redrive_deadletter")
    assert not grace.has_perm("dlq_review.discard_deadletter")
    admin_client.post(page, {"username": "grace", "groups": group.pk})
    assert not StaffMember.objects.get(pk=grace.pk).is_active


@pytest.mark.parametrize(
    "word", ["grace-hopper", "47horse", "password123", "73519264058"]
)
def test_a_password_that_is_easily_guessed_is_refused(
    admin_client: Client, word: str
) -> None:
    new = {"username": "grace-hopper1", "password1": word, "password2": word}
    form = admin_client.post(ADD, new).context["adminform"].form
    assert [*form.errors] == ["password2"]
    assert not StaffMember.objects.filter(username="grace-hopper1").exists()


@pytest.mark.parametrize("is_superuser", [False, True])
def test_only_a_superuser_resets_a_second_factor(
    client: Client, is_superuser: bool
) -> None:
    """Who may change accounts could else come in as a person of whom they know a password."""
    grace = StaffMember.objects.create(
        username="grace", is_staff=True, is_superuser=is_superuser
    )
    grace.user_permissions.set(
        Permission.objects.filter(codename__endswith="_staffmember")
    )
    client.force_login(User.objects.get(pk=grace.pk))
    hopper = StaffMember.objects.create(username="hopper", is_staff=True)
    app = TOTPDevice.objects.create(user_id=hopper.pk, confirmed=True)
    page = reverse("admin:processing_staffmember_second_factor", args=[hopper.pk])
    answers = [client.get(page).status_code, client.post(page).status_code]
    assert answers == ([200, 302] if is_superuser else [403, 403])
    assert TOTPDevice.objects.filter(pk=app.pk).exists() is not is_superuser
    told = [one.get_change_message() for one in LogEntry.objects.all()]
    assert told == (["Second factor reset."] if is_superuser else [])


def test_nobody_there_has_a_second_factor_to_reset(admin_client: Client) -> None:
    page = reverse("admin:processing_staffmember_second_factor", args=[2**40])
    assert admin_client.get(page).status_code == 404
    assert admin_client.post(page).status_code == 404


def test_owners_of_accounts_are_not_staff(admin_client: Client) -> None:
    customer = User.objects.create(username="ada@example.com", email="ada@example.com")
    assert "ada@example.com" not in admin_client.get(LIST).content.decode()
    page = reverse("admin:processing_staffmember_change", args=[customer.pk])
    assert admin_client.get(page).status_code == 302


def test_staff_without_the_permission_cannot_raise_themselves(client: Client) -> None:
    grace = StaffMember.objects.create(username="grace", is_staff=True)
    grace.groups.add(Group.objects.get(name="Triage operator"))
    client.force_login(User.objects.get(pk=grace.pk))
    page = reverse("admin:processing_staffmember_change", args=[grace.pk])
    assert (
        client.post(page, {"username": "grace", "is_superuser": "on"}).status_code
        == 403
    )
    assert client.post(ADD, {}).status_code == 403


def test_the_first_superuser_is_told_that_an_address_is_taken() -> None:
    """Anybody can ask for an account with the address of somebody else."""
    processor.handle(message(signup_requested(email="boss@example.com")))
    asked = {"interactive": False, "username": "boss", "email": "Boss@Example.com"}
    with pytest.raises(CommandError, match="Somebody has this address already"):
        call_command("createsuperuser", **asked)
    assert not StaffMember.objects.exists()
    call_command("createsuperuser", **asked | {"email": "chief@example.com"})
    assert StaffMember.objects.get().is_superuser
