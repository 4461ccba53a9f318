"""Orders with a change at a time that is still to come.

Such a time was taken from a producer, and every change since came "too late". It gives way
to the time at which the order was stored, so that the next change counts.
"""

from datetime import timedelta

from django.db import migrations
from django.db.models import F
from django.utils import timezone

AHEAD = timedelta(minutes=6)  # what a worker allows


def bring_back(apps, schema_editor):
    orders = apps.get_model("processing", "Order").objects
    to_come = orders.filter(status_changed_at__gt=timezone.now() + AHEAD)
    to_come.update(status_changed_at=F("created_at"))


class Migration(migrations.Migration):

    dependencies = [
        ('processing', '0007_readable_times'),
    ]

    operations = [
        migrations.RunPython(bring_back, migrations.RunPython.noop),
    ]
