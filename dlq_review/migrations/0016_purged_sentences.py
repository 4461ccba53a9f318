"""What staff told a sender goes with the letter that it was about.

A purge by an earlier release left that sentence in the outcome.
"""

from django.db import migrations
from django.db.models import Exists, OuterRef


def forget_told(apps, schema_editor):
    purged = apps.get_model("dlq_review", "DeadLetter").objects.filter(
        request_id=OuterRef("request_id"), purged_at__isnull=False
    )
    outcomes = apps.get_model("processing", "Outcome").objects
    outcomes.filter(Exists(purged), kind="discarded").update(made={})


class Migration(migrations.Migration):

    dependencies = [
        ('dlq_review', '0015_words_as_they_read'),
        ('processing', '0010_users'),
    ]

    operations = [
        migrations.RunPython(forget_told, migrations.RunPython.noop),
    ]
