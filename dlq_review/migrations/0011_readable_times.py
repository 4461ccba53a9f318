"""Dead letters and groups that failed at a time which nobody can read, or which is to come.

Any producer could say when its message failed. PostgreSQL stores times that psycopg cannot
read, so each page that showed one ended in an error; one that is to come kept its letter on
top of every list. Such a time gives way to when the message was sent, and in a group to the
times of its letters; a count in such an hour stands in no chart, and goes.
"""

from datetime import UTC, datetime, timedelta

from django.db import migrations
from django.db.models import F, Max, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # no clock of ours is so far ahead


def make_readable(apps, schema_editor):
    letters = apps.get_model("dlq_review", "DeadLetter").objects
    for field in ("first_failed_at", "last_failed_at"):
        letters.filter(_unreadable(field)).update(**{field: F("sent_at")})
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    for field, failed in (
        ("first_seen", Min("first_failed_at")),
        ("last_seen", Max("last_failed_at")),
    ):
        theirs = letters.filter(group=OuterRef("pk")).order_by().values("group")
        known = Subquery(theirs.annotate(at=failed).values("at"))
        groups.filter(_unreadable(field)).update(**{field: Coalesce(known, Now())})
    counts = apps.get_model("dlq_review", "FailureCount").objects
    counts.filter(_unreadable("hour")).delete()


def _unreadable(field):
    latest = timezone.now() + AHEAD
    return Q(**{f"{field}__lt": EARLIEST}) | Q(**{f"{field}__gt": latest})


class Migration(migrations.Migration):

    dependencies = [
        ('dlq_review', '0010_defaults'),
    ]

    operations = [
        migrations.RunPython(make_readable, migrations.RunPython.noop),
    ]
