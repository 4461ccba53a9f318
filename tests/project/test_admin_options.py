"""What the admin lists of each model show, in which order, and who may change what."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.test import RequestFactory

from processing.models import User

#: Columns, order, filters, searched fields, masked fields, and what a superuser may.
OPTIONS: dict[str, tuple[str, ...]] = {
    "auth.Group": (
        "__str__",
        "name",
        "",
        "name",
        "",
        "view add change delete",
    ),
    "dlq_review.AlertDelivery": (
        "sentence",
        "-pk",
        "state channel kind",
        "name",
        "",
        "view",
    ),
    "dlq_review.AuditEntry": (
        "verb",
        "-at -id",
        "who day verb letter group operation policy",
        "actor__exact letter__request_id__exact",
        "reason",
        "view",
    ),
    "dlq_review.DeadLetter": (
        "reference state type error_type last_failed_at",
        "-last_failed_at -id",
        "state queue type error since group operation field owner release edited redriven",
        "request_id",
        "",
        "view",
    ),
    "dlq_review.Erasure": (
        "began_at by ended_at person",
        "-id",
        "",
        "",
        "",
        "view",
    ),
    "dlq_review.FailureGroup": (
        "error_type",
        "-last_seen -id",
        "state queue type owner new release operation edited redriven sort",
        "error_type sentence template place owner",
        "",
        "view",
    ),
    "dlq_review.Operation": (
        "__str__ state total by masked_reason created_at",
        "-id",
        "state kind",
        "by reason",
        "reason",
        "view",
    ),
    "dlq_review.RedrivePolicy": (
        "__str__ state owner masked_reason next_run until",
        "-id",
        "state probe",
        "owner reason",
        "reason",
        "view",
    ),
    "intake.ApiKey": (
        "name begins state may_send expires_at last_used_at",
        "producer -generation",
        "",
        "producer__icontains prefix__startswith",
        "",
        "view add",
    ),
    "processing.Attempt": (
        "started_at request_id queue error_type permanent",
        "-id",
        "permanent queue",
        "request_id__exact message_id__exact error_type__exact",
        "error_text traceback",
        "view",
    ),
    "processing.Order": (
        "order_id linked_customer_id total currency status",
        "-created_at",
        "status",
        "order_id__exact customer_id__exact email__exact",
        "email",
        "view",
    ),
    "processing.OrderReturn": (
        "order_id masked_reason created_at",
        "-created_at -id",
        "",
        "order__order_id__exact request_id__exact",
        "reason",
        "view",
    ),
    "processing.Outcome": (
        "request_id kind type at remark",
        "",
        "kind",
        "request_id__exact correlation_id__exact",
        "made",
        "view",
    ),
    "processing.SpooledEvent": (
        "request_id created_at tries refusal refused_for_good",
        "created_at request_id",
        "refused_for_good",
        "request_id__exact",
        "body trace",
        "view",
    ),
    "processing.StaffMember": (
        "username name is_active is_superuser last_login",
        "username",
        "is_active groups",
        "username__exact email__exact",
        "",
        "view add change",
    ),
    "processing.User": (
        "masked_email masked_name is_active is_staff verified_at",
        "",
        "is_active is_staff",
        "email__exact username__exact",
        "email username name first_name last_name profile",
        "view",
    ),
}


def _name(one: Any) -> str:
    if isinstance(one, str | tuple):
        return one if isinstance(one, str) else one[0]
    return str(getattr(one, "parameter_name", one.__name__))


def options(model: type[Model], staff: ModelAdmin) -> tuple[str, ...]:
    """Columns, order, filters, searched fields, masked fields, and what a superuser may."""
    request = RequestFactory().get("/admin/")
    request.user = User(username="x", is_superuser=True, is_staff=True)
    deeds = ("view", "add", "change", "delete")
    return (
        " ".join(map(_name, staff.get_list_display(request))),
        " ".join(map(str, staff.get_ordering(request) or model._meta.ordering or ())),
        " ".join(map(_name, staff.get_list_filter(request))),
        " ".join(staff.get_search_fields(request)),
        " ".join(getattr(staff, "personal", ())),
        " ".join(
            one for one in deeds if getattr(staff, f"has_{one}_permission")(request)
        ),
    )


OURS = {
    model._meta.label: (model, one)
    for model, one in admin.site._registry.items()
    if type(one).__module__.partition(".")[0] in ("intake", "processing", "dlq_review")
}


def test_each_model_of_ours_has_a_row() -> None:
    assert set(OURS) == set(OPTIONS)


@pytest.mark.parametrize("label", OPTIONS)
def test_a_list_shows_what_its_row_says(label: str) -> None:
    assert options(*OURS[label]) == OPTIONS[label]


#: What the box of a list says that it finds.
FINDS = {
    "auth.Group": "",
    "dlq_review.AlertDelivery": "Kind and what it is about, as in growth/orders",
    "dlq_review.AuditEntry": "A user name, or the request id of a dead letter",
    "dlq_review.DeadLetter": "An id, a reference, an error, or words of the body",
    "dlq_review.FailureGroup": "Error, text, place in the code, or owner",
    "dlq_review.Operation": "Who began it, or words of the reason",
    "dlq_review.RedrivePolicy": "The owner, or words of the reason",
    "intake.ApiKey": "A producer, or the beginning of a key",
    "processing.Attempt": "A request id, a message id or an error type",
    "processing.Order": "An order id, a customer id or an email address, in full",
    "processing.OrderReturn": "Finds an order id or a request id, written in full.",
    "processing.Outcome": "A request id or a correlation id",
    "processing.SpooledEvent": "A request id",
    "processing.StaffMember": "A user name or an email address, in full",
    "processing.User": "An email address or a user name, in full",
}


def test_each_list_that_can_be_searched_says_what_it_finds() -> None:
    told = {
        label: one.search_help_text or ""
        for label, (_, one) in OURS.items()
        if one.search_fields
    }
    assert told == FINDS
