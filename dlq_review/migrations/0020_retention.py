"""An index by which a purge finds the letters that were settled long ago."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("dlq_review", "0019_reached_rate"),
    ]

    operations = [
        migrations.AddIndex(
            "deadletter",
            models.Index(
                fields=["settled_at"],
                condition=models.Q(settled_at__isnull=False),
                name="letter_by_age",
            ),
        ),
    ]
