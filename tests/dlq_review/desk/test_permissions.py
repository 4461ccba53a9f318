"""Every address of the desk and the permissions that it needs, each of them."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from dlq_review.models import (
    AlertDelivery,
    AuditEntry,
    DeadLetter,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from processing.models import User
from tests.builders import dead_letter
from tests.dlq_review.operation_runs import started
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db

VIEW, EDIT = "view_deadletter", "change_deadletter"
REDRIVE, MANY = "redrive_deadletter", "bulk_redrive_deadletter"
DISCARD, REVEAL = "discard_deadletter", "view_personal_deadletter"
LOGS, SCHEDULE = "view_auditentry", "schedule_redrivepolicy"
ALERTS = "view_alertdelivery"
#: By the name of the address: the method, and all permissions that it needs.
NEEDED: dict[str, tuple[str, set[str]]] = {
    "deadletter_changelist": ("get", {VIEW}),
    "deadletter_change": ("get", {VIEW}),
    "deadletter_common": ("get", {VIEW}),
    "deadletter_export": ("post", {"export_deadletter"}),
    "deadletter_edit": ("post", {EDIT, REVEAL}),
    "deadletter_redrive": ("post", {REDRIVE}),
    "deadletter_undo": ("post", {REDRIVE}),
    "deadletter_rehearse": ("post", {REDRIVE}),
    "deadletter_reveal": ("post", {REVEAL}),
    "deadletter_example": ("post", {EDIT, MANY}),
    "deadletter_body": ("post", {REVEAL}),
    "deadletter_discard": ("post", {DISCARD}),
    "deadletter_restore": ("post", {DISCARD}),
    "deadletter_resolve": ("post", {DISCARD}),
    "failuregroup_changelist": ("get", {VIEW}),
    "failuregroup_looked": ("post", {VIEW}),
    "failuregroup_change": ("get", {VIEW}),
    "failuregroup_rehearse": ("post", {REDRIVE}),
    "failuregroup_acknowledge": ("post", {EDIT}),
    "failuregroup_resolve": ("post", {EDIT}),
    "failuregroup_annotate": ("post", {EDIT}),
    "failuregroup_give": ("post", {EDIT}),
    "failuregroup_give_back": ("post", {EDIT}),
    "failuregroup_take_over": ("post", {EDIT}),
    "failuregroup_many": ("post", {VIEW, EDIT}),
    "failuregroup_merge": ("post", {EDIT}),
    "failuregroup_split": ("post", {EDIT}),
    "operation_changelist": ("get", {VIEW}),
    "operation_new": ("get", {VIEW, MANY}),
    "operation_edit": ("get", {EDIT, MANY}),
    "operation_change": ("get", {VIEW}),
    "operation_undo": ("post", {EDIT, MANY}),
    "operation_start": ("post", {VIEW, MANY}),
    "operation_pause": ("post", {VIEW, MANY}),
    "operation_resume": ("post", {VIEW, MANY}),
    "operation_cancel": ("post", {VIEW, MANY}),
    "redrivepolicy_changelist": ("get", {VIEW}),
    "redrivepolicy_new": ("get", {VIEW, MANY, SCHEDULE}),
    "redrivepolicy_change": ("get", {VIEW}),
    "redrivepolicy_start": ("post", {VIEW, MANY, SCHEDULE}),
    "redrivepolicy_pause": ("post", {VIEW, MANY, SCHEDULE}),
    "redrivepolicy_resume": ("post", {VIEW, MANY, SCHEDULE}),
    "redrivepolicy_end": ("post", {VIEW, MANY, SCHEDULE}),
    "auditentry_changelist": ("get", {LOGS}),
    "auditentry_change": ("get", {LOGS}),
    "auditentry_history": ("get", {LOGS}),
    "alertdelivery_changelist": ("get", {ALERTS}),
    "alertdelivery_change": ("get", {ALERTS}),
    "alertdelivery_history": ("get", {ALERTS}),
    "alertdelivery_test": ("post", {"test_alertdelivery"}),
}
#: Nobody adds, deletes or changes a row by hand.
CLOSED = {"add", "delete", "history"}
KINDS = {
    "redrive": VIEW,
    "discard": DISCARD,
    "restore": DISCARD,
    "fix": EDIT,
    "repair": EDIT,
}


def names() -> Iterator[str]:
    rows = (DeadLetter, FailureGroup, Operation, RedrivePolicy)
    for model in (*rows, AuditEntry, AlertDelivery):
        for pattern in admin.site._registry[model].get_urls():
            if pattern.name:
                yield pattern.name.removeprefix("dlq_review_")


def staff(name: str, permissions: set[str]) -> Client:
    user = User.objects.create(username=name, email=f"{name}@x.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def everything_but(*permissions: str) -> set[str]:
    held = Permission.objects.exclude(codename__in=permissions)
    return set(held.values_list("codename", flat=True))


def address(name: str) -> str:
    letter = dead_letter()
    rows = {"deadletter": letter.pk, "failuregroup": letter.group_id}
    rows["auditentry"] = AuditEntry.objects.all()[0].pk
    rows["alertdelivery"] = AlertDelivery.objects.all()[0].pk
    if name.startswith("operation_"):
        rows["operation"] = started(0).pk
    rows["redrivepolicy"] = policy().pk
    model, _, page = name.partition("_")
    arguments: list[object] = [rows[model]]
    if page in ("changelist", "common", "new", "edit", "add") and (
        name != "deadletter_edit"
    ):
        arguments = []
    if page in ("looked", "many"):  # of the list of groups
        arguments = []
    if page == "export":
        arguments = ["csv"]
    if page == "test":
        arguments = ["mail"]
    if page == "body":
        arguments.append(0)
    return reverse(f"admin:dlq_review_{name}", args=arguments)


def ask(client: Client, method: str, url: str) -> int:
    if method == "get":
        return client.get(url).status_code
    other = FailureGroup.objects.order_by("-pk")[0].pk
    return client.post(url, {"reason": "x", "into": other}).status_code


@pytest.mark.parametrize("name", sorted(set(names())))
def test_an_address_needs_each_of_its_permissions(
    name: str, sqs: None, settings: Settings
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    url = address(name)
    before = _rows()
    if name not in NEEDED:
        assert name.partition("_")[2] in CLOSED
        assert staff("ada", everything_but()).get(url).status_code in (403, 404)
        return
    method, needed = NEEDED[name]
    for missing in needed:
        eve = staff(f"eve without {missing}", everything_but(missing))
        assert ask(eve, method, url) == 403
    assert _rows() == before, "whoever was refused changed something"
    ada = staff("ada", needed)
    # A form that lacks a field is refused too, though not for a permission.
    assert ask(ada, method, url) in (200, 302, 409)


#: Pages that show the form which is then sent to them.
WITH_A_FORM = {"deadletter_edit", "failuregroup_take_over"}
STEPS = {name for name, (method, _) in NEEDED.items() if method == "post"} - WITH_A_FORM
PAGES = ("deadletter", "failuregroup", "operation", "redrivepolicy")


@pytest.mark.parametrize("name", sorted(STEPS))
def test_no_link_takes_a_step(
    name: str, admin_client: Client, settings: Settings
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    url = address(name)
    before = _rows()
    assert admin_client.get(url).status_code == 405
    assert _rows() == before


@pytest.mark.parametrize("name", PAGES)
def test_no_form_is_sent_to_a_page_that_only_shows(
    name: str, admin_client: Client, settings: Settings
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    assert admin_client.post(address(f"{name}_change")).status_code == 405


@pytest.mark.parametrize("kind", KINDS)
def test_an_operation_needs_the_permission_of_its_kind_beside_that_for_many(
    kind: str,
) -> None:
    url = reverse("admin:dlq_review_operation_new")
    needed = {MANY, KINDS[kind]}
    ada = staff("ada", needed)
    for step in (ada.get, ada.post):
        assert step(url, {"kind": kind}).status_code == 200
    for missing in needed:
        eve = staff(f"eve without {missing}", everything_but(missing))
        for step in (eve.get, eve.post):
            assert step(url, {"kind": kind}).status_code == 403
        operation = started(1)
        Operation.objects.filter(pk=operation.pk).update(kind=kind)
        pause = reverse("admin:dlq_review_operation_pause", args=[operation.pk])
        assert eve.post(pause).status_code == 403


def _rows() -> list[object]:
    letters = DeadLetter.objects.order_by("pk").values_list("pk", "state", "revision")
    groups = FailureGroup.objects.order_by("pk").values_list("pk", "state", "note")
    operations = Operation.objects.order_by("pk").values_list("pk", "state")
    policies = RedrivePolicy.objects.order_by("pk").values_list("pk", "state")
    return [*letters, *groups, *operations, *policies, AuditEntry.objects.count()]
