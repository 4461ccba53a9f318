"""Outcomes of changes by their order: those that are there already name it in `made`.

The index is made beside what goes on, and each step is a transaction of its own.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform

STEP = 10_000  # outcomes looked at
beside = import_module("processing.migrations.0013_find_requests").AddIndexBeside


def name_orders(apps, schema_editor):
    outcomes = apps.get_model("processing", "Outcome").objects
    last = ""
    while True:
        newer = outcomes.filter(pk__gt=last).order_by("pk")
        step = list(newer.values_list("pk", flat=True)[:STEP])
        if not step:
            return
        its = outcomes.filter(pk__gt=last, pk__lte=step[-1], order_id=None)
        for kind, name in (("order_updated", "order"), ("order_returned", "return")):
            its.filter(type=kind, kind="processed").update(
                order_id=KeyTextTransform(name, "made")
            )
        last = step[-1]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('processing', '0019_piece_of_outcome_mail'),
    ]

    operations = [
        migrations.AddField(
            model_name='outcome',
            name='order_id',
            field=models.CharField(blank=True, max_length=64, null=True),
        ),
        migrations.RunPython(name_orders, migrations.RunPython.noop),
        beside(
            model_name='outcome',
            index=models.Index(
                condition=models.Q(order_id__isnull=False),
                fields=['order_id'],
                name='outcome_order',
            ),
        ),
    ]
