import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from processing.models import Attempt, OrderReturn, Outcome
from processing.staff.read_only_admin import ReadOnlyAdmin

pytestmark = pytest.mark.django_db
OUTCOMES = "/admin/processing/outcome/"


def processed(request_id: str, correlation_id: str = "") -> None:
    Outcome.objects.create(
        request_id=request_id,
        kind=Outcome.Kind.PROCESSED,
        type="order_created",
        fingerprint="f" * 64,
        correlation_id=correlation_id or request_id,
    )


def attempt(queue: str) -> None:
    Attempt.objects.create(
        request_id=f"request-{queue}",
        queue=queue,
        message_id=queue,
        receive_count=1,
        permanent=False,
        error_type="SupplierError",
        error_text="",
        started_at=timezone.now(),
        duration_ms=1,
        worker="w",
        release="r",
    )


def found(admin_client: Client, query: str) -> set[str]:
    answer = admin_client.get(OUTCOMES, {"q": query})
    return {one.request_id for one in answer.context["cl"].result_list}


def test_a_search_finds_rows_by_the_first_field_that_has_the_value(
    admin_client: Client,
) -> None:
    processed("request-1", "one-visit")
    processed("request-2", "one-visit")
    processed("request-3", "request-1")
    assert found(admin_client, " request-1 ") == {"request-1"}
    assert found(admin_client, "one-visit") == {"request-1", "request-2"}
    assert found(admin_client, "request") == set()
    assert len(found(admin_client, " ")) == 3


def test_a_search_for_an_id_puts_no_condition_on_a_field_without_an_index(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    processed("request-1")
    with django_assert_max_num_queries(20) as captured:
        assert found(admin_client, "request-1") == {"request-1"}
    asked = [query["sql"].partition("WHERE")[2] for query in captured.captured_queries]
    assert any('"request_id" = ' in condition for condition in asked)
    assert not any('"correlation_id" = ' in condition for condition in asked)


def test_a_list_counts_no_further_than_the_limit(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.staff.capped_paginator.MOST_COUNTED", 2)
    for number in range(3):
        processed(f"request-{number}")
    assert "10,000+ outcomes" in admin_client.get(OUTCOMES).content.decode()


def test_the_attempts_are_filtered_by_queue_without_reading_them_all(
    admin_client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for queue in ("orders", "signups"):
        attempt(queue)
    with django_assert_max_num_queries(20) as captured:
        answer = admin_client.get("/admin/processing/attempt/?queue=orders")
    assert [one.queue for one in answer.context["cl"].result_list] == ["orders"]
    assert not any("DISTINCT" in query["sql"] for query in captured.captured_queries)


@pytest.mark.parametrize(
    ("lookup", "allowed"),
    [
        ("order", True),
        ("order__exact", True),
        ("order__id__exact", True),
        ("order__name__exact", False),
        ("order__email", False),
        ("order__email__contains", False),
        ("created_at__gte", True),
        ("reason", False),
        ("reason__contains", False),
        ("q", True),
    ],
)
def test_a_filter_of_a_list_leads_to_no_field_of_another_row(
    lookup: str, allowed: bool
) -> None:
    class Returns(ReadOnlyAdmin):
        list_filter = ("order", "created_at")

    returns = Returns(OrderReturn, admin.site)
    assert returns.lookup_allowed(lookup, "x") is allowed


def test_no_list_counts_the_rows_of_each_filter(admin_client: Client) -> None:
    answer = admin_client.get(OUTCOMES, {"_facets": "True"})
    assert not answer.context["cl"].add_facets
    assert answer.context["cl"].result_count == 0
