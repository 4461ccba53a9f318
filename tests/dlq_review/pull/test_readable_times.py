"""A time of failure that no Python can read, or that is to come, from whoever wrote one."""

from datetime import timedelta
from http import HTTPStatus
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils import timezone

from dlq_review.models import DeadLetter, FailureCount, FailureGroup
from tests.builders import dead_letter

pytestmark = pytest.mark.django_db
repair = import_module("dlq_review.migrations.0011_readable_times")
IN_POSTGRESQL = ("9999-12-31 23:59:59-14:00", "0001-01-01 00:00:00+14:00")
unreadable = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite cannot be given such a time"
)
every_time = pytest.mark.parametrize(
    "stored",
    [
        *(pytest.param(one, marks=unreadable) for one in IN_POSTGRESQL),
        "9000-01-01 00:00:00",
    ],
)


@every_time
def test_dead_letters_with_a_time_that_cannot_be_are_shown_again(
    desk: Client, stored: str
) -> None:
    bad, good = dead_letter(), dead_letter()
    with connection.cursor() as cursor:
        for table, columns in (
            ("deadletter", ("first_failed_at", "last_failed_at")),
            ("failuregroup", ("first_seen", "last_seen")),
            ("failurecount", ("hour",)),
        ):
            told = ", ".join(f"{column} = %s" for column in columns)
            where = f" WHERE id = {bad.pk}" if table == "deadletter" else ""
            cursor.execute(
                f"UPDATE dlq_review_{table} SET {told}{where}",  # noqa: S608
                [stored] * len(columns),
            )
    repair.make_readable(apps, None)
    letter = DeadLetter.objects.get(pk=bad.pk)
    assert (letter.first_failed_at, letter.last_failed_at) == (letter.sent_at,) * 2
    other = DeadLetter.objects.get(pk=good.pk)
    assert other.last_failed_at == good.last_failed_at
    group = FailureGroup.objects.get()
    assert group.first_seen == min(letter.first_failed_at, good.first_failed_at)
    assert group.last_seen == max(letter.last_failed_at, good.last_failed_at)
    assert not FailureCount.objects.exists()
    for path in ("", "deadletter/", "failuregroup/", f"deadletter/{bad.pk}/change/"):
        page = desk.get(f"/admin/dlq_review/{path}" if path else "/admin/")
        assert page.status_code == HTTPStatus.OK


def test_a_time_that_can_be_stays() -> None:
    letter = dead_letter()
    earlier = timezone.now() - timedelta(days=400)
    DeadLetter.objects.update(first_failed_at=earlier)
    FailureGroup.objects.update(first_seen=earlier)
    repair.make_readable(apps, None)
    letter.refresh_from_db()
    assert (letter.first_failed_at, FailureGroup.objects.get().first_seen) == (
        earlier,
        earlier,
    )
    assert FailureCount.objects.exists()
