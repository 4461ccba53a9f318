"""The key of a failure group says how it was made, and counts a private helper to its caller.

The second version hashes the same parts as the first, so a key is carried over as it is
behind its version. Where the first named a private function, the public one that called it
is read from the traceback of an attempt. Where two groups would get one key, the one seen
last gets it; the other keeps its key, its letters, its owner and its note.
"""

import hashlib
import re

from django.db import migrations

VERSION = "v2:"
LONGEST = 64  # characters
FRAME = re.compile(
    r'File ".*?((?:intake|processing|dlq_review|project)/[\w/]+\.py)", line \d+, in (\S+)'
)


def carry_over(apps, schema_editor):
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    attempts = apps.get_model("processing", "Attempt").objects
    taken = set()
    for group in groups.exclude(fingerprint__startswith=VERSION).order_by(
        "-last_seen", "-pk"
    ):
        place = _public(attempts, group)
        key = f"{VERSION}{_digest(group, place)}"[:LONGEST]
        if key in taken or groups.filter(fingerprint=key).exists():
            continue
        taken.add(key)
        groups.filter(pk=group.pk).update(fingerprint=key, place=place)


def _public(attempts, group):
    """The place of *group*, or the public function that the private one was called by."""
    if not group.place.rpartition(":")[2].startswith("_"):
        return group.place
    same = attempts.filter(place=group.place, error_type=group.error_type)
    for attempt in same.order_by("-started_at")[:1]:
        frames = FRAME.findall(attempt.traceback)
        public = [frame for frame in frames if frame[1][0] not in "_<"]
        if public:
            return ":".join(public[-1])[:200]
    return group.place


def _digest(group, place):
    parts = (group.queue, group.type, group.error_type)
    function = _hash(*parts, group.place.rpartition(":")[2])
    if place == group.place or group.fingerprint != function:
        return group.fingerprint  # told apart by its text, or as it was
    return _hash(*parts, place.rpartition(":")[2])


def _hash(*parts):
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def go_back(apps, schema_editor):
    """The first version cannot be read from the second; the old release begins new groups."""


class Migration(migrations.Migration):

    dependencies = [
        ("dlq_review", "0017_masked_operations"),
        ("processing", "0010_users"),
    ]

    operations = [migrations.RunPython(carry_over, go_back)]
