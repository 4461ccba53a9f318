"""What a hundred thousand rows inserted at once need not be checked and indexed for."""

from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("dlq_review", "0003_retention")]
    operations = [
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
