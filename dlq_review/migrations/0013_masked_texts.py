"""Texts of failures that name people, from before they were masked on storing.

The previous releases stored what an error said as it came. Lists, exports and the search
show the stored text to all staff, so it is masked here as it is today when a letter is
pulled: by what the letter's own bodies hold and the contracts of this release hide. A group
takes its text from one of its letters, and loses it where none is left to tell what was
personal. Its key is a hash of the text as it came, and changes only where its type or the name
of its error was masked: so it takes what fails next, unless another group does already.

Each step is a transaction of its own. What is masked stays as it is, so this may run again.
"""

import hashlib
import heapq
import re
from itertools import groupby
from operator import itemgetter

from django.db import connection, migrations, transaction

from processing.events.envelope import identify
from processing.events.masking import MASK, mask_reference
from processing.events.veil import Veil

STEP = 200  # letters
READ = 20  # bodies of up to 1 MiB, held at once
LONGEST = 500  # characters of a letter's text; a longer one was cut there
FIELDS = ("error_text", "error_type", "release", "type", "reference")
UPDATE = (
    f"UPDATE dlq_review_deadletter SET {', '.join(f'{one} = %s' for one in FIELDS)} "
    "WHERE id = %s"
)
OURS = re.compile(
    r"No worker received it: somebody else put it on the DLQ, by hand or by program\."
    r"|\d+ attempts? ended without a report: the worker was killed, ran out of time, "
    r"or could not reach its database\."
)
TYPE = re.compile(r"[A-Za-z0-9._:/-]{1,100}")
CHANGING = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\S*\d\S*")


def mask_stored(apps, schema_editor):
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    before = dict(groups.values_list("pk", "template"))
    told, last = {}, 0
    while step := _mask_step(apps, last):
        last = step[-1].pk
        for letter in step:
            group = letter.origin_id or letter.group_id
            template = _template(letter.error_text)
            # The first one's, but for one that the group has already.
            if template and (group not in told or template == before.get(group)):
                told[group] = (template, letter.error_type)
    for group in groups.order_by("pk").iterator():
        _mask_group(groups, group, told.get(group.pk))


@transaction.atomic
def _mask_step(apps, last):
    letters = apps.get_model("dlq_review", "DeadLetter").objects
    locked = letters.filter(pk__gt=last).order_by("pk").select_for_update(no_key=True)
    step = {letter.pk: letter for letter in locked[:STEP]}
    changed = []
    for number, bodies in _bodies(apps, step):
        letter = step[number]
        before = _texts(letter)
        _mask(letter, bodies)
        if _texts(letter) != before:
            changed.append((*_texts(letter), number))
    with connection.cursor() as cursor:  # several times as fast as bulk_update
        cursor.executemany(UPDATE, changed)
    return list(step.values())


def _texts(letter):
    return [getattr(letter, name) for name in FIELDS]


def _bodies(apps, letters):
    """Each letter's number and its different bodies, the one that arrived last at the end."""
    rows = (
        apps.get_model("dlq_review", name)
        .objects.filter(letter__in=list(letters))
        .order_by("letter_id", "pk")
        .values_list("letter_id", "body")
        .iterator(chunk_size=READ)
        for name in ("Revision", "Arrival")
    )
    merged = heapq.merge(*rows, key=itemgetter(0))  # of equal keys, the first list's first
    for number, found in groupby(merged, key=itemgetter(0)):
        bodies = {}
        for _, body in found:
            bodies.pop(body, None)
            bodies[body] = None
        yield number, list(bodies)


def _mask(letter, bodies):
    *others, newest = bodies
    veil, more = Veil(newest), Veil(*others)
    text = letter.error_text
    if len(text) == LONGEST:
        text = re.sub(r"\w+\Z", "", text)  # half a word is like no word of a body
    if not OURS.fullmatch(text):
        letter.error_text = more(veil.error(text))[:LONGEST]
    letter.error_type = more(veil(letter.error_type))[:200]
    letter.release = mask_reference(letter.release)
    letter.type = _type(letter.type)
    if not _is_reference(letter, bodies):
        letter.reference = ""


def _is_reference(letter, bodies):
    """A wrong address is none: it may be a name."""
    name = letter.reference
    if not name or "@" in name or letter.type.startswith("order_"):
        return True
    return any(identify(body, fallback_id="").reference == name for body in bodies)


def _mask_group(groups, group, told):
    plain = re.fullmatch(r"[\w.]+", group.error_type)
    template, error_type = told or ("", group.error_type if plain else MASK)
    changes = {
        "template": template,
        "error_type": error_type,
        "release": mask_reference(group.release),
        "type": _type(group.type),
    }
    for detail in (group.place, group.template):
        if group.fingerprint == _key(group.queue, group.type, group.error_type, detail):
            key = _key(group.queue, changes["type"], error_type, detail)
            if not groups.filter(fingerprint=key).exists():
                changes["fingerprint"] = key
    if any(getattr(group, name) != value for name, value in changes.items()):
        groups.filter(pk=group.pk).update(**changes)


def _key(*parts):
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _template(text):
    return CHANGING.sub("…", text)[:300]


def _type(name):
    return name if TYPE.fullmatch(name) else ""


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('dlq_review', '0012_untold_alerts'),
    ]

    operations = [
        migrations.RunPython(mask_stored, migrations.RunPython.noop),
    ]
