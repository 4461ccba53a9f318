"""A group that somebody took after it was resolved is resolved again, so it can regress.

Nothing of it waits and nothing is under way; an earlier release called it acknowledged.
"""

from django.db import migrations


def resolve(apps, schema_editor):
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    taken = groups.filter(state="acknowledged", waiting=0, redriven=0)
    taken.update(state="resolved")


class Migration(migrations.Migration):
    dependencies = [("dlq_review", "0032_audit_by_person")]

    operations = [migrations.RunPython(resolve, migrations.RunPython.noop)]
