"""Which methods, styles and scripts belong to pages that no model's list of addresses has."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import DeadLetter
from tests.builders import dead_letter, order_created
from tests.dlq_review.desk_pages import GROUPS, LIST, html, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "name", "allowed"),
    [
        ("POST", "a request", "GET"),
        ("PUT", "find", "GET, POST"),
        ("PUT", "take over", "GET, POST"),
    ],
)
def test_a_page_says_which_methods_it_takes(
    admin_client: Client, method: str, name: str, allowed: str
) -> None:
    letter = dead_letter()
    urls = {
        "a request": reverse("admin:request", args=[letter.request_id]),
        "find": reverse("admin:find"),
        "take over": f"{GROUPS}{letter.group_id}/take_over/",
    }
    answer = admin_client.generic(method, urls[name])
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


def files(text: str) -> set[str]:
    """The styles and scripts of a page, without the hashes in their names."""
    head = text.partition("</head>")[0]
    found = re.findall(r'<(?:link rel="stylesheet" href|script src)="([^"]+)"', head)
    return {re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", one) for one in found}


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("edit", {"dlq_review/edit.css", "dlq_review/edit.js"}),
        ("change", {"dlq_review/awaiting.js"}),
    ],
)
def test_a_page_of_a_letter_loads_its_own_files(
    admin_client: Client, name: str, own: set[str]
) -> None:
    shown = files(html(admin_client, page(dead_letter(order_created()), name)))
    assert shown - files(html(admin_client, GROUPS)) == {
        f"/static/{one}" for one in own
    }


@pytest.mark.parametrize("waits", [True, False])
def test_the_list_looks_for_news_only_while_a_redrive_can_be_undone(
    admin_client: Client, waits: bool
) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    DeadLetter.objects.filter(pk=dead_letter().pk).update(
        state="claimed", send_after=soon if waits else None
    )
    script = "/static/dlq_review/awaiting.js"
    assert (script in files(html(admin_client, LIST))) is waits


def test_the_second_factor_looks_like_the_login_and_is_kept_nowhere(
    admin_client: Client, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = "required"
    answer = admin_client.get(reverse("admin:second_factor_enrol"))
    text = answer.content.decode()
    assert "/static/admin/css/login.css" in files(text)
    assert re.search(r'<body class="[^"]*\blogin second-factor\b', text)
    assert "no-store" in answer.headers["Cache-Control"]
    posted = admin_client.post(reverse("admin:second_factor_enrol"), {"code": "1"})
    hidden = getattr(posted.wsgi_request, "sensitive_post_parameters", None)
    assert hidden == "__ALL__"
