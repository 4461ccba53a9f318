"""The menu leads each person to all pages that they may see, and to no other."""

import re

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory

from processing.models import User
from tests.dlq_review.conftest import ClientOf

pytestmark = pytest.mark.django_db
LISTS = {
    f"/admin/dlq_review/{name}/"
    for name in ("failuregroup", "deadletter", "operation", "auditentry")
}
#: A permission, and those of LISTS that it opens.
OPENS = {
    "view_deadletter": {*LISTS} - {"/admin/dlq_review/auditentry/"},
    "view_auditentry": {"/admin/dlq_review/auditentry/"},
    "view_failuregroup": set(),
    "view_operation": set(),
    "view_order": set(),
}


def menu(client: Client) -> set[str]:
    shown = re.search(
        r'(?s)<nav aria-label="Menu">.*?</nav>', client.get("/admin/").content.decode()
    )
    assert shown
    return set(re.findall(r'href="([^"]+)"', shown[0]))


@pytest.mark.parametrize("permission", OPENS)
def test_the_menu_shows_the_lists_that_a_person_may_see(
    client_of: ClientOf, permission: str
) -> None:
    client = client_of()
    ada = User.objects.get(username="ada")
    ada.user_permissions.add(Permission.objects.get(codename=permission))
    links = menu(client)
    assert links & LISTS == OPENS[permission]
    for url in links | LISTS:
        assert (client.get(url).status_code == 200) is (url in links), url


def test_the_page_of_one_app_lists_its_own_tables_alone(rf: RequestFactory) -> None:
    request = rf.get("/admin/processing/")
    request.user = User(is_superuser=True, is_active=True)
    (app,) = site.get_app_list(request, "processing")
    assert app["app_label"] == "processing"
    assert {"Order", "Outcome"} <= {one["object_name"] for one in app["models"]}
