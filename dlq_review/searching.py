"""Find dead letters by what a person types: an id, a reference, an error, words of a body.

Ids and references are looked up whole, each on its index. Errors are looked up in the few
rows of the group table. Bodies have an index of their words on PostgreSQL, which finds a
rare word at once; it would list every body that holds a common one, so a word that many
of the newest hold is found among the newest only. What was not searched, the page says.

Bodies hold personal data, and so do references that are addresses: searching them could tell
whose they are, so it needs the same permission as seeing them.
"""

import re
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Q

from dlq_review.models import DeadLetter, FailureGroup, Revision
from processing.personal import mask_reference

MOST = 1_000  # letters found by their bodies
NEWEST = 500  # bodies read first, to learn how common a word is: 40 us each
_READ = 2_000  # characters of each
_COMMON = NEWEST // 5
NEWEST_UNINDEXED = 10_000  # bodies read where the database has no index of words
_SHORTEST = 3  # characters of an error; fewer are in every one
#: Also in the migration that makes the index: it serves only this very expression.
WORDS = r"to_tsvector('simple', replace(left(body, 65536), '\n', ' '))"


@dataclass(slots=True)
class Found:
    letters: Q
    notes: list[str] = field(default_factory=list)
    """What was not searched, and why, for the person who asked."""


def search(text: str, *, bodies: bool) -> Found:
    """The letters that *text* finds; in what is personal only where *bodies* is true."""
    text = text.strip()
    public = mask_reference(text) == text
    names = (text, text.lower()) if bodies or public else ()
    found = Found(
        Q(reference__in=names)
        | Q(request_id=text)
        | Q(correlation_id=text)
        | Q(error_type=text)
    )
    if groups := _groups(text):
        found.letters |= Q(group__in=groups) | Q(origin__in=groups)
    if not bodies:
        found.notes.append(
            "Bodies were not searched: that needs the permission to see personal data. "
            "Nor were addresses."
        )
    elif letters := _by_body(text, found.notes):
        found.letters |= Q(pk__in=letters)
    return found


def _groups(text: str) -> list[int]:
    if len(text) < _SHORTEST:
        return []
    groups = FailureGroup.objects.filter(
        Q(error_type__icontains=text) | Q(template__icontains=text)
    )
    return list(groups.order_by().values_list("pk", flat=True))


def _by_body(text: str, notes: list[str]) -> list[int]:
    """Letters whose current revision holds all words of *text*."""
    if connection.vendor != "postgresql":
        notes.append(
            f"Only the newest {NEWEST_UNINDEXED:,} bodies were searched: this database "
            "has no index of their words. PostgreSQL has."
        )
        return _current(_unindexed(text))
    newest = _among_newest(text)
    found = _indexed(text) if len(newest) < _COMMON else newest
    if found is newest or len(found) > MOST:
        notes.append(
            f"Very many bodies hold this, so only the newest {NEWEST:,} were searched, "
            f"{_READ:,} characters of each. Another word narrows it."
        )
        found = newest
    return _current(found)


def _current(found: list[tuple[int, int]]) -> list[int]:
    """The letters among *found*, each with a revision's number, where it is the current."""
    letters = DeadLetter.objects.filter(pk__in=[letter for letter, _ in found])
    now = set(letters.order_by().values_list("pk", "revision"))
    return [letter for letter, number in found if (letter, number) in now]


def _indexed(text: str) -> list[tuple[int, int]]:
    """Through the index, whatever the planner thinks: else it may read every body."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; "
            "SET LOCAL work_mem = '16MB'"  # or it forgets which rows it found of a page
        )
        cursor.execute(
            f"SELECT letter_id, number FROM dlq_review_revision WHERE {WORDS} "  # noqa: S608 - a constant
            f"@@ plainto_tsquery('simple', %s) LIMIT {MOST + 1}",
            [text],
        )
        found: list[tuple[int, int]] = cursor.fetchall()
        cursor.execute("RESET enable_seqscan; RESET enable_indexscan; RESET work_mem")
    return found


def _among_newest(text: str) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT letter_id, number FROM (SELECT letter_id, number, "  # noqa: S608 - constants
            f"left(body, {_READ}) AS body FROM dlq_review_revision "
            f"ORDER BY id DESC LIMIT {NEWEST}) newest "
            f"WHERE {WORDS} @@ plainto_tsquery('simple', %s)",
            [text],
        )
        found: list[tuple[int, int]] = cursor.fetchall()
    return found


def _unindexed(text: str) -> list[tuple[int, int]]:
    newest = Revision.objects.order_by("-pk").values("pk")[:NEWEST_UNINDEXED]
    found = Revision.objects.filter(pk__in=newest)
    for word in text.split():
        whole = rf"((?<!\w)|(?<=\\n)){re.escape(word)}(?!\w)"
        found = found.filter(body__icontains=word, body__iregex=whole)
    return list(found.order_by().values_list("letter_id", "number")[:MOST])
