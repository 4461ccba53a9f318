"""Letters by their customer. Beat notes the customers of those that are there already."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('dlq_review', '0033_taken_after_resolved'),
    ]

    operations = [
        migrations.AddField(
            model_name='deadletter',
            name='customer_id',
            field=models.CharField(blank=True, max_length=64, null=True),
        ),
        migrations.AddIndex(
            model_name='deadletter',
            index=models.Index(fields=['customer_id', '-id'], name='letter_customer'),
        ),
    ]
