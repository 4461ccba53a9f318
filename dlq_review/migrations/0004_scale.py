"""Indexes for a million dead letters; the words of bodies, where the database can."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# A migration stays what it was, so this is written out; searching.py has it too.
WORDS = r"to_tsvector('simple', replace(left(body, 65536), '\n', ' '))"


def index_words(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE INDEX revision_words ON dlq_review_revision USING gin (({WORDS}))"
        )


def drop_words(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX revision_words")


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
        migrations.RunPython(index_words, drop_words),
    ]
