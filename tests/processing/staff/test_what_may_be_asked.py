"""By which fields rows may be searched and filtered, and by whom: others could be guessed."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone

from processing.models import Attempt, Order, OrderReturn, Outcome
from processing.staff.read_only_admin import ReadOnlyAdmin, hidden

ADDRESS = "grace@example.com"


class WithRelation(ReadOnlyAdmin):
    list_filter = ("order",)


class HalfWhole(ReadOnlyAdmin):
    search_fields = ("order_id__exact", "customer_id")


class AllPersonal(ReadOnlyAdmin):
    personal = {"email": hidden}
    search_fields = ("email__exact",)


def shown(model: Any, kind: type[ReadOnlyAdmin] | None = None) -> Any:
    return kind(model, admin.site) if kind else admin.site._registry[model]


def asked_by(*permissions: str) -> HttpRequest:
    class Somebody(AnonymousUser):
        def has_perm(self, perm: str, obj: Any = None) -> bool:
            return perm in permissions

    request = HttpRequest()
    request.user = Somebody()
    return request


@pytest.mark.parametrize(
    ("model", "kind", "lookup", "is_allowed"),
    [
        (Attempt, None, "permanent", True),
        (Attempt, None, "permanent__exact", True),
        (Attempt, None, "queue", True),
        (Attempt, None, "queue__startswith", False),
        (Attempt, None, "error_text__contains", False),
        (Attempt, None, "error_text", False),
        (Attempt, None, "no_field", True),  # of another page, as in ?p=2
        (Order, None, "status__exact", True),
        (Order, None, "email__startswith", False),
        (OrderReturn, WithRelation, "order", True),
        (OrderReturn, WithRelation, "order__exact", True),
        (OrderReturn, WithRelation, "order__id__exact", True),
        (OrderReturn, WithRelation, "order__email__startswith", False),
    ],
)
def test_only_declared_filters_narrow_a_list(
    model: Any, kind: type[ReadOnlyAdmin] | None, lookup: str, *, is_allowed: bool
) -> None:
    assert shown(model, kind).lookup_allowed(lookup, "x", asked_by()) is is_allowed


@pytest.mark.parametrize("may", [True, False])
def test_a_personal_field_is_searched_by_who_may_see_it(*, may: bool) -> None:
    request = asked_by(*(["dlq_review.view_personal_deadletter"] if may else []))
    names = [
        "order_id__exact",
        "customer_id__exact",
        *(["email__exact"] if may else []),
    ]
    assert shown(Order).get_search_fields(request) == names


@pytest.fixture
def orders(db: None) -> list[Order]:
    return [
        Order.objects.create(
            order_id=f"ORD-{number}",
            customer_id=f"C-1{number}",
            email=ADDRESS,
            total=1,
            currency="EUR",
            status_changed_at=timezone.now(),
            request_id=f"request-{number}",
        )
        for number in range(2)
    ]


def found(kind: type[ReadOnlyAdmin], term: str, *permissions: str) -> list[Order]:
    rows, _ = shown(Order, kind).get_search_results(
        asked_by(*permissions), Order.objects.order_by("pk"), term
    )
    return [*rows]


def test_where_a_part_of_a_value_suffices_it_finds_its_rows(
    orders: list[Order],
) -> None:
    assert found(HalfWhole, "c-1") == orders
    assert found(HalfWhole, "c-11") == orders[1:]


def test_who_may_search_no_field_sees_the_whole_list(orders: list[Order]) -> None:
    assert found(AllPersonal, "somebody@example.com") == orders
    may = "dlq_review.view_personal_deadletter"
    assert found(AllPersonal, "somebody@example.com", may) == []
    assert found(AllPersonal, ADDRESS, may) == orders


def test_what_has_no_name_leads_nowhere() -> None:
    assert shown(Outcome).linked_order_id(Outcome(order_id="")) == "–"
    assert "ORD-7" in shown(Outcome).linked_order_id(Outcome(order_id="ORD-7"))
