"""Index the words of bodies as they read: an escape is the character it stands for.

The indexes are made beside what goes on, which waits for no lock; so not in a transaction.
"""

from django.db import migrations

# A migration stays what it was, so this is written out; searching.py has it too.
WORDS = (
    r"to_tsvector('simple', unistr(translate(regexp_replace(regexp_replace("
    r"regexp_replace(regexp_replace(translate(left(body, 65536), chr(1), ' '), "
    r"'\\+(?=\\)', '', 'g'), "
    r"'\\([^u]|$)', ' ', 'g'), "
    r"'\\(ud[89ab][0-9a-f]{2})\\(ud[c-f][0-9a-f]{2})', chr(1) || '\1' || chr(1) || '\2', 'gi'), "
    r"'\\(?!u(?!0000|d[89a-f])[0-9a-f]{4})', ' ', 'gi'), "
    r"chr(1), '\')))"
)
FORMER = r"to_tsvector('simple', replace(left(body, 65536), '\n', ' '))"
LONG = "length(body) > 65536"


def index_text(apps, schema_editor):
    _index(schema_editor, "revision_text", f"USING gin (({WORDS}))")
    _index(schema_editor, "revision_long", f"(id) WHERE {LONG}")
    _drop(schema_editor, "revision_words")


def index_words(apps, schema_editor):
    _index(schema_editor, "revision_words", f"USING gin (({FORMER}))")
    _drop(schema_editor, "revision_long")
    _drop(schema_editor, "revision_text")


def _index(schema_editor, name, what):
    _drop(schema_editor, name)  # which was stopped half way
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY {name} ON dlq_review_revision {what}"
        )


def _drop(schema_editor, name):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('dlq_review', '0014_group_keys'),
    ]

    operations = [
        migrations.RunPython(index_text, index_words),
    ]
