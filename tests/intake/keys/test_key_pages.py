"""Making, following and revoking API keys in the admin, and who may."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from intake.models import ApiKey, digest_of
from processing.models import User

pytestmark = pytest.mark.django_db
LIST = reverse("admin:intake_apikey_changelist")
ADD = reverse("admin:intake_apikey_add")
ASKED = {"producer": "Shop", "scopes": ["order_created", "signup_requested"]}


def page(step: str, key: ApiKey) -> str:
    return reverse(f"admin:intake_apikey_{step}", args=[key.pk])


def key_in(answer: Any) -> str:
    (text,) = re.findall(
        r'<code class="key-text">(hf_[\w-]{43})</code>', answer.content.decode()
    )
    return str(text)


def history() -> list[tuple[str, str, str]]:
    entries = LogEntry.objects.order_by("pk")
    return [(e.user.username, e.object_repr, e.get_change_message()) for e in entries]


def test_a_key_is_made_and_shown_once(admin_client: Client) -> None:
    answer = admin_client.post(ADD, ASKED)
    text = key_in(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    key = ApiKey.objects.get()
    assert key.digest == digest_of(text)
    assert key.scopes == ASKED["scopes"]
    assert history() == [
        ("admin", "Shop 1", "Made, to send order_created, signup_requested.")
    ]
    for path in (LIST, page("change", key), page("next", key), page("history", key)):
        shown = admin_client.get(path).content.decode()
        assert text not in shown
        assert key.digest not in shown
    assert f"{text[:11]}…" in admin_client.get(LIST).content.decode()


@pytest.mark.parametrize("mode", ["off", "optional", "required"])
def test_who_makes_a_key_is_told_where_none_is_looked_at(
    admin_client: Client, settings: Settings, mode: str
) -> None:
    settings.API_KEYS = mode
    text = admin_client.get(ADD).content.decode()
    assert ("Keys are not looked at now" in text) is (mode == "off")


def test_a_key_ends_when_its_form_said(admin_client: Client) -> None:
    ends = datetime(2099, 6, 30, 12, tzinfo=UTC)
    asked = {**ASKED, "expires_at": "2099-06-30 12:00"}
    admin_client.post(ADD, asked)
    first = ApiKey.objects.get()
    admin_client.post(page("next", first), {**asked, "days": "0"})
    second = ApiKey.objects.exclude(pk=first.pk).get()
    first.refresh_from_db()
    assert (first.state, second.state) == ("expired", "valid")
    assert second.expires_at == ends
    assert first.expires_at is not None
    assert first.expires_at <= timezone.now()
    third, _ = ApiKey.make("Other", ["order_created"], ends)
    assert ApiKey.objects.get(pk=third.pk).expires_at == ends


def test_the_same_form_sent_again_makes_no_second_key(admin_client: Client) -> None:
    admin_client.post(ADD, ASKED)
    again = admin_client.post(ADD, ASKED)
    assert "Open that one" in again.content.decode()
    key = ApiKey.objects.get()
    following = {"scopes": ["order_created"], "days": "7"}
    second = key_in(admin_client.post(page("next", key), following))
    again = admin_client.post(page("next", key), following)
    assert "already" in again.content.decode()
    assert [one.digest == digest_of(second) for one in ApiKey.objects.all()] == [
        True,
        False,
    ]


def test_the_next_key_is_valid_beside_the_former(admin_client: Client) -> None:
    key, _ = ApiKey.make("Shop", ["order_created"], None)
    form = admin_client.get(page("next", key)).content.decode()
    assert 'value="order_created" id="id_scopes_0" checked' in form.replace("  ", " ")
    text = key_in(
        admin_client.post(page("next", key), {"scopes": ["order_updated"], "days": "3"})
    )
    key.refresh_from_db()
    assert key.state == "valid"
    assert key.expires_at is not None
    left = key.expires_at - timezone.now()
    assert timedelta(days=2, hours=23) < left <= timedelta(days=3)
    made = ApiKey.objects.get(digest=digest_of(text))
    assert made.scopes == ["order_updated"]
    assert [told for _, _, told in history()] == [
        "Followed by Shop 2.",
        "Made, to send order_updated.",
    ]


def test_a_key_is_revoked_once_for_good_and_on_record(admin_client: Client) -> None:
    key, _ = ApiKey.make("Shop", ["order_created"], None)
    assert "Keep it" in admin_client.get(page("revoke", key)).content.decode()
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
    for _ in "12":
        answer = admin_client.post(page("revoke", key), follow=True)
        (said,) = map(str, answer.context["messages"])
        assert said == "Shop 1 was revoked. It is refused everywhere within 10 seconds."
    key.refresh_from_db()
    assert key.state == "revoked"
    assert history() == [("admin", "Shop 1", "Revoked.")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"producer": ""}, "required"),
        ({"producer": "x" * 81}, "80 characters"),
        ({"scopes": []}, "required"),
        ({"scopes": ["email_requested"]}, "not one of the available choices"),
        ({"expires_at": "2020-01-01"}, "lies ahead"),
        ({"expires_at": "soon"}, "valid date/time"),
        ({"expires_at": "9999-12-31 23:59:59"}, ""),
    ],
)
def test_what_is_asked_of_a_key_is_checked(
    admin_client: Client, changes: dict[str, Any], told: str
) -> None:
    answer = admin_client.post(ADD, {**ASKED, **changes})
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert ApiKey.objects.exists() == (not told)
    assert admin_client.get(LIST).status_code == 200


@pytest.mark.parametrize("days", ["-1", "91", "x", "", "1e9"])
def test_the_days_until_a_key_ends_are_checked(admin_client: Client, days: str) -> None:
    key, _ = ApiKey.make("Shop", ["order_created"], None)
    asked = {"scopes": ["order_created"], "days": days}
    assert "errorlist" in admin_client.post(page("next", key), asked).content.decode()
    assert ApiKey.objects.count() == 1


STEPS = {
    "list": ("view", "change"),
    "change": ("view", "change"),
    "history": ("view", "change"),
    "add": ("add",),
    "next": ("add change",),
    "revoke": ("change",),
}


@pytest.mark.parametrize("held", ["", "view", "add", "change", "add change", "groups"])
@pytest.mark.parametrize("step", STEPS)
def test_only_who_holds_the_permission_comes_to_a_page(
    client: Client, step: str, held: str
) -> None:
    person = User.objects.create(username="grace", is_staff=True)
    if held == "groups":  # those that triage has know nothing of keys
        person.groups.set(Group.objects.all())
    names = [f"{word}_apikey" for word in held.split()]
    person.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(person)
    key, _ = ApiKey.make("Shop", ["order_created"], None)
    path = {"list": LIST, "add": ADD}.get(step) or page(step, key)
    may = any(set(way.split()) <= set(held.split()) for way in STEPS[step])
    for answer in (client.get(path), client.post(path, {})):
        if not may:
            assert answer.status_code == 403
    assert client.get(path).status_code == (200 if may else 403)
    revoked = ApiKey.objects.exclude(revoked_at=None).exists()
    assert revoked == (step == "revoke" and may)
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("step", ["change", "delete"])
def test_no_key_is_changed_or_deleted_by_hand(admin_client: Client, step: str) -> None:
    key, _ = ApiKey.make("Shop", ["order_created"], None)
    asked = {"scopes": '["order_updated"]', "digest": "x", "post": "yes"}
    assert admin_client.post(page(step, key), asked).status_code == 403
    assert ApiKey.objects.get().scopes == ["order_created"]


def test_a_key_that_is_not_there_is_not_found(admin_client: Client) -> None:
    for step in ("next", "revoke"):
        for pk in (0, 7, 2**63 - 1, 10**30):
            path = reverse(f"admin:intake_apikey_{step}", args=[pk])
            assert admin_client.get(path).status_code == 404
