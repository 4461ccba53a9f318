"""Error texts that name a person whom another body of their letter tells.

The previous releases masked the text of a failure by the body that failed alone. Lists and
exports show the stored text, so it is masked here by all bodies of its letter, as it is today
when a body is added, and so are the texts of its group. Of a letter with one body nothing
changes.

Each step is a transaction of its own. What is masked stays as it is, so this may run again.
"""

import heapq
from collections import defaultdict
from itertools import groupby
from operator import itemgetter

from django.db import migrations, transaction
from django.db.models import Q

from dlq_review.bodies.sentences import marked, narrowed, whole_words
from processing.events.veil import Veil

STEP = 200  # letters
READ = 20  # bodies of up to 1 MiB, held at once
LONGEST = 500  # characters of a letter's text
TEMPLATE = 300  # characters of a group's


def mask_stored(apps, schema_editor):
    last = 0
    while step := _mask_step(apps, last):
        last = step[-1]


@transaction.atomic
def _mask_step(apps, last):
    letters = apps.get_model("dlq_review", "DeadLetter").objects
    several = Q(revision__gt=0) | Q(arrival_count__gt=1)
    found = letters.filter(several, pk__gt=last).exclude(error_text="").order_by("pk")
    step = {one.pk: one for one in found.select_for_update(no_key=True)[:STEP]}
    told = defaultdict(list)
    for number, bodies in _bodies(apps, step):
        letter, veil = step[number], Veil(*bodies)
        masked = veil(whole_words(letter.error_text, LONGEST))[:LONGEST]
        veil.masked.clear()  # the bodies, of which no more are held than were read
        if masked != letter.error_text:
            letters.filter(pk=number).update(error_text=masked)
            told[letter.origin_id or letter.group_id].append((masked, veil))
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    for group in groups.filter(pk__in=told).order_by("pk").select_for_update(no_key=True):
        _mask_group(group, told[group.pk])
    return list(step)


def _mask_group(group, texts):
    for text, veil in texts:
        before = group.sentence or marked(group.template)
        group.sentence = narrowed(before, text)
        group.template = veil(whole_words(group.template, TEMPLATE))[:TEMPLATE]
    group.save(update_fields=["sentence", "template"])


def _bodies(apps, letters):
    """Each letter's number and its different bodies."""
    rows = (
        apps.get_model("dlq_review", name)
        .objects.filter(letter__in=list(letters))
        .order_by("letter_id", "pk")
        .values_list("letter_id", "body")
        .iterator(chunk_size=READ)
        for name in ("Revision", "Arrival")
    )
    merged = heapq.merge(*rows, key=itemgetter(0))
    for number, found in groupby(merged, key=itemgetter(0)):
        yield number, {body for _, body in found}


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('dlq_review', '0035_named_field'),
    ]

    operations = [
        migrations.RunPython(mask_stored, migrations.RunPython.noop),
    ]
