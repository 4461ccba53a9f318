"""Groups get the sentence of their error texts: from the newest letters that wait."""

from functools import reduce

from django.db import migrations, models

from dlq_review.bodies.sentences import narrowed, sentence_of

TEXTS = 5  # of each group


def read_sentences(apps, schema_editor):
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    letters = apps.get_model("dlq_review", "DeadLetter").objects
    for group in list(groups.filter(waiting__gt=0).values_list("pk", flat=True)):
        its = letters.filter(group=group, state="open", origin=None)
        newest = its.order_by("-last_failed_at", "-id")[:TEXTS]
        texts = list(newest.values_list("error_text", flat=True))
        if texts:
            sentence = reduce(narrowed, texts, sentence_of(texts[0]))
            groups.filter(pk=group, sentence="").update(sentence=sentence)


class Migration(migrations.Migration):
    dependencies = [("dlq_review", "0023_erasures")]

    operations = [
        migrations.AddField(
            model_name="failuregroup",
            name="sentence",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=500
            ),
        ),
        migrations.RunPython(read_sentences, migrations.RunPython.noop),
    ]
