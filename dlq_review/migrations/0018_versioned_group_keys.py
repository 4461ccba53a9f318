"""The key of a failure group says how it was made, and survives a change of the code.

The second version is made of queue, event type, error type, the handler that failed and the
template of the text. A group whose place is a helper gets the handler that called it, which
is read from the traceback of an attempt. A group that is told apart by its text alone keeps
its hash, behind the version. Where two groups would get one key, the one seen
last gets it; the other keeps its key, its letters, its owner and its note.
"""

import hashlib
import re

from django.db import migrations

VERSION = "v2:"
LONGEST = 64  # characters
HANDLERS = ("create_order", "update_order", "sign_up", "send_email")
BY_TEXT = ("InvalidEventError", "UnknownEventTypeError", "UnreadableEventError")
FRAME = re.compile(
    r'File ".*?((?:intake|processing|dlq_review|project)/[\w/]+\.py)", line \d+, in (\S+)'
)


def carry_over(apps, schema_editor):
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    attempts = apps.get_model("processing", "Attempt").objects
    first_version = groups.exclude(fingerprint__startswith=VERSION)
    for group in first_version.order_by("-last_seen", "-pk"):
        place = _handler(attempts, group)
        key = _key(group, place)
        if not groups.filter(fingerprint=key).exists():
            groups.filter(pk=group.pk).update(fingerprint=key, place=place)


def _handler(attempts, group):
    """The place of *group*: a handler, else the innermost public function."""
    name = group.place.rpartition(":")[2]
    if not name or name in HANDLERS:
        return group.place
    same = attempts.filter(place=group.place, error_type=group.error_type)
    for attempt in same.order_by("-started_at")[:1]:
        public = ""
        for file, function in FRAME.findall(attempt.traceback):
            if function in HANDLERS:
                return f"{file}:{function}"[:200]
            if function[0] not in "_<":
                public = f"{file}:{function}"[:200]
        return public or group.place
    return group.place


def _key(group, place):
    if group.error_type in BY_TEXT or not place:
        return f"{VERSION}{group.fingerprint}"[:LONGEST]
    function = place.rpartition(":")[2]
    parts = (group.queue, group.type, group.error_type, function, group.template)
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{VERSION}{digest}"[:LONGEST]


class Migration(migrations.Migration):

    dependencies = [
        ("dlq_review", "0017_masked_operations"),
        ("processing", "0010_users"),
    ]

    operations = [
        # Going back, the former release begins new groups: it makes the former keys.
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
