"""The pages that make, follow and revoke a key: their titles, their ways back, their history."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from intake.models import ApiKey

pytestmark = pytest.mark.django_db
LIST = reverse("admin:intake_apikey_changelist")
ADD = reverse("admin:intake_apikey_add")


@pytest.fixture
def key() -> ApiKey:
    made, _ = ApiKey.make("Shop", ["order_created"], None)
    return made


def page(step: str, key: ApiKey) -> str:
    return reverse(f"admin:intake_apikey_{step}", args=[key.pk])


def assert_shown(answer: Any, title: str, back: str) -> None:
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f"<h1>{title}</h1>" in text
    assert f'<a class="button-link" href="{back}">' in text or (
        f'<a class="button-link primary" href="{back}">' in text
    )
    assert "no-store" in answer.headers["Cache-Control"]


def test_each_step_is_called_what_it_does_and_leads_back(
    admin_client: Client, key: ApiKey
) -> None:
    own = page("change", key)
    assert_shown(admin_client.get(ADD), "Make an API key", LIST)
    assert_shown(admin_client.get(page("next", key)), "The key after Shop 1", own)
    assert_shown(admin_client.get(page("revoke", key)), "Revoke Shop 1", own)
    revoked = admin_client.post(page("revoke", key))
    assert (revoked.status_code, revoked.headers["Location"]) == (302, own)


def test_a_key_that_was_made_is_shown_and_noted_as_itself(
    admin_client: Client, key: ApiKey
) -> None:
    asked = {"scopes": ["order_updated"], "days": "7"}
    answer = admin_client.post(page("next", key), asked)
    made = ApiKey.objects.exclude(pk=key.pk).get()
    assert_shown(answer, "Shop 2 is made", page("change", made))
    assert "and may send order_updated." in answer.content.decode()
    noted = LogEntry.objects.order_by("pk").values_list("object_id", "change_message")
    assert [(pk, "Followed" in said) for pk, said in noted] == [
        (str(key.pk), True),
        (str(made.pk), False),
    ]


def test_the_form_of_the_next_key_proposes_the_same_scopes_and_a_week(
    admin_client: Client, key: ApiKey
) -> None:
    form = admin_client.get(page("next", key)).context["form"]
    assert form["scopes"].value() == ["order_created"]
    assert form["days"].value() == 7


def test_a_producer_that_has_a_key_is_told_beside_its_name(
    admin_client: Client, key: ApiKey
) -> None:
    asked = {"producer": "Shop", "scopes": ["order_created"]}
    form = admin_client.post(ADD, asked).context["form"]
    (error,) = form.errors["producer"]
    assert "Make the next key" in error
