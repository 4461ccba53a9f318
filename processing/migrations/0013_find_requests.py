"""Index the orders of an address, and outcomes by a correlation id of another request.

The indexes are made beside what goes on, which waits for no lock; so not in a transaction.
"""

import django.db.models.functions.text
from django.db import migrations, models


class AddIndexBeside(migrations.AddIndex):
    """AddIndex that blocks no insert on PostgreSQL, and can be run again if it was stopped."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}")
        schema_editor.add_index(model, self.index, concurrently=True)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('processing', '0012_retention'),
    ]

    operations = [
        AddIndexBeside(
            model_name='order',
            index=models.Index(django.db.models.functions.text.Lower('email'), name='order_address'),
        ),
        AddIndexBeside(
            model_name='outcome',
            index=models.Index(condition=models.Q(('correlation_id', models.F('request_id')), _negated=True), fields=['correlation_id'], name='outcome_correlation'),
        ),
    ]
