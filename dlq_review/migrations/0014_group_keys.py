"""The key of a failure group names the function that failed, and its file no longer.

A function that moves to another file would begin a group of its own. The previous release
computes the former key until its last process ends; what it pulls meanwhile may begin such a
group. Where two groups would get one key, the one seen last gets it, so that it takes what
fails from now on; the other keeps its key and its letters. Groups that are told apart by
their text have no place in their key, so it does not match and stays.
"""

import hashlib

from django.db import migrations


def leave_out_files(apps, schema_editor):
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    taken = set()
    for group in groups.filter(place__contains=":").order_by("-last_seen", "-pk"):
        if group.fingerprint != _key(group, group.place):
            continue
        key = _key(group, group.place.rpartition(":")[2])
        if key not in taken and not groups.filter(fingerprint=key).exists():
            groups.filter(pk=group.pk).update(fingerprint=key)
        taken.add(key)


def _key(group, detail):
    parts = "\n".join((group.queue, group.type, group.error_type, detail))
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()


class Migration(migrations.Migration):

    dependencies = [
        ('dlq_review', '0013_masked_texts'),
    ]

    operations = [
        migrations.RunPython(leave_out_files, migrations.RunPython.noop),
    ]
