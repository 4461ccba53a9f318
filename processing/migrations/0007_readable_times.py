"""Orders with a change at a time that PostgreSQL stores and psycopg cannot read.

Such a time was taken from a producer. Every event of the order, and each page that showed
it, ended in an error. It gives way to the time at which the order was stored.
"""

from datetime import UTC, datetime

from django.db import migrations
from django.db.models import F, Q

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def make_readable(apps, schema_editor):
    orders = apps.get_model("processing", "Order").objects
    out_of_reach = Q(status_changed_at__lt=EARLIEST) | Q(status_changed_at__gt=LATEST)
    orders.filter(out_of_reach).update(status_changed_at=F("created_at"))


class Migration(migrations.Migration):

    dependencies = [
        ('processing', '0006_refused'),
    ]

    operations = [
        migrations.RunPython(make_readable, migrations.RunPython.noop),
    ]
