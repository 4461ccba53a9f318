"""A time that no Python can read is in the database of whoever took one before."""

from http import HTTPStatus
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils import timezone

from processing.delivery import processor
from processing.models import Order
from tests.builders import message, order_created, order_updated

pytestmark = pytest.mark.django_db
repair = import_module("processing.migrations.0007_readable_times")
bring_back = import_module("processing.migrations.0008_times_ahead").bring_back


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite cannot be given such a time"
)
@pytest.mark.parametrize(
    "stored", ["9999-12-31 23:59:59-14:00", "0001-01-01 00:00:00+14:00"]
)
def test_an_order_with_an_unreadable_time_is_read_again(
    admin_client: Client, stored: str
) -> None:
    processor.handle(message(order_created(order_id="ORD-1")))
    processor.handle(message(order_created(order_id="ORD-2")))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE processing_order SET status_changed_at = %s WHERE order_id = 'ORD-1'",
            [stored],
        )
    other = Order.objects.get(order_id="ORD-2")
    repair.make_readable(apps, None)
    order = Order.objects.get(order_id="ORD-1")
    assert order.status_changed_at == order.created_at
    assert (
        Order.objects.get(order_id="ORD-2").status_changed_at == other.status_changed_at
    )
    answer = admin_client.get("/admin/processing/order/?q=ORD-1")
    assert answer.status_code == HTTPStatus.OK


def test_an_order_whose_last_change_is_still_to_come_takes_the_next_change() -> None:
    processor.handle(message(order_created(order_id="ORD-1")))
    processor.handle(message(order_created(order_id="ORD-2")))
    Order.objects.update(status_changed_at="2062-01-01T00:00:00Z")
    fine = Order.objects.get(order_id="ORD-2")
    Order.objects.filter(pk=fine.pk).update(status_changed_at=fine.created_at)
    bring_back(apps, None)
    assert Order.objects.get(pk=fine.pk).status_changed_at == fine.created_at
    change = order_updated(
        order_id="ORD-1", changed_at=timezone.now().isoformat(), status="paid"
    )
    processor.handle(message(change))
    assert Order.objects.get(order_id="ORD-1").status == "paid"
