"""Indexes by which a purge finds what is old without reading a table.

Django gives each text column with an index a second one for LIKE 'x%', which nothing here
asks. PostgreSQL took it for look-ups by request id too, while a claim reads the first one,
so a long history had to keep both in memory. Those of outcomes and attempts go.

On PostgreSQL all this happens beside what goes on, so not in a transaction.
"""

from django.db import migrations, models

TWICE = (
    ("processing_outcome", "request_id"),
    ("processing_attempt", "request_id"),
    ("processing_attempt", "message_id"),
)


class AddIndex(migrations.AddIndex):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        # One that was stopped half way is there, and serves nobody.
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}")
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.add_index(model, self.index, concurrently=True)


def drop_second_indexes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in names(schema_editor):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def make_second_indexes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for (table, column), name in zip(TWICE, names(schema_editor), strict=True):
            schema_editor.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name}"
                f" ON {table} ({column} varchar_pattern_ops)"
            )


def names(schema_editor):
    return [
        schema_editor._create_index_name(table, [column], suffix="_like")
        for table, column in TWICE
    ]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("processing", "0011_order_returns"),
    ]

    operations = [
        AddIndex(
            "attempt",
            models.Index(
                fields=["started_at"],
                condition=~models.Q(error_text="") | ~models.Q(traceback=""),
                name="attempt_texts",
            ),
        ),
        AddIndex("outcome", models.Index(fields=["at"], name="outcome_by_age")),
        AddIndex("signup", models.Index(fields=["asked_at"], name="signup_by_age")),
        AddIndex(
            "user",
            models.Index(
                fields=["date_joined"],
                condition=models.Q(verified_at=None, request_id__isnull=False),
                name="account_unverified",
            ),
        ),
        migrations.RunPython(drop_second_indexes, make_second_indexes),
    ]
