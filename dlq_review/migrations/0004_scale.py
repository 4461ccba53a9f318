"""Indexes for a million dead letters"""

from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("dlq_review", "0003_retention")]
    operations = [
        migrations.AddIndex(
            "deadletter",
            models.Index(fields=["state", "redriven_at"], name="letter_overdue"),
        ),
        migrations.AddIndex(
            "auditentry",
            models.Index(fields=["verb", "-at", "-id"], name="audit_by_verb"),
        ),
        migrations.AlterField(
            "operationitem",
            "operation",
            models.ForeignKey(
                on_delete=models.deletion.CASCADE,
                related_name="items",
                to="dlq_review.operation",
                db_index=False,
                db_constraint=False,
            ),
        ),
        migrations.AlterField(
            "operationitem",
            "letter",
            models.ForeignKey(
                on_delete=models.deletion.PROTECT,
                related_name="operations",
                to="dlq_review.deadletter",
                db_index=False,
                db_constraint=False,
            ),
        ),
    ]
