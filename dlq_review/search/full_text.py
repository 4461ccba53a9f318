"""Full-text search for dead letters: by id, reference, error, or words of a body.

Ids and references are looked up whole, each on its index. Errors are looked up in the few
rows of the group table. Bodies have an index of their words on PostgreSQL, which finds a
rare word at once; it would list every body that holds a common one, so a word that many
of the newest hold is found among the newest only. Bodies are searched as they read: a letter
may be written as an escape (J\\u00fcrgen), in an envelope with more than one backslash. The
page says what was not searched.

Bodies hold personal data, and so do references that are addresses: searching them could tell
whose they are, so it needs the same permission as seeing them.
"""

import re
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Substr

from dlq_review.models import DeadLetter, FailureGroup, Revision
from processing.events.masking import mask_reference

MOST = 1_000  # letters found by their bodies
NEWEST = 500  # bodies read first, to learn how common a word is: 50 us each
_READ = 2_000  # characters of each
_COMMON = NEWEST // 5
NEWEST_UNINDEXED = 10_000  # bodies read where the database has no index of words
LONGEST = 65_536  # characters of a body; more may be too many words for a tsvector
_SHORTEST = 3  # characters of an error; fewer are in every one
_BODIES = 20  # held at once
#: Also in the migration that makes the index: it serves only this very expression. chr(1)
#: stands for the backslashes of a pair of surrogates, for which unistr needs both halves.
WORDS = (
    r"to_tsvector('simple', unistr(translate(regexp_replace(regexp_replace("
    r"regexp_replace(regexp_replace(translate(left(body, 65536), chr(1), ' '), "
    r"'\\+(?=\\)', '', 'g'), "  # of several backslashes the last
    r"'\\([^u]|$)', ' ', 'g'), "  # line breaks and quotes part words
    r"'\\(ud[89ab][0-9a-f]{2})\\(ud[c-f][0-9a-f]{2})', chr(1) || '\1' || chr(1) || '\2', 'gi'), "
    r"'\\(?!u(?!0000|d[89a-f])[0-9a-f]{4})', ' ', 'gi'), "  # what unistr refuses
    r"chr(1), '\')))"
)
LONG = f"length(body) > {LONGEST}"  # of these bodies too there is an index


@dataclass(slots=True)
class Found:
    letters: Q
    notes: list[str] = field(default_factory=list)
    """The parts that were not searched, and why, as sentences for the page."""


def search(text: str, *, bodies: bool) -> Found:
    """The letters that match *text*. Personal data is searched only if *bodies* is true."""
    text = text.strip()
    public = mask_reference(text) == text
    names = (text, text.lower()) if bodies or public else ()
    found = Found(
        Q(reference__in=names)
        | Q(request_id=text)
        | Q(correlation_id=text)
        | Q(customer_id=text)
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
        return _current(_unindexed(text, notes))
    newest = _among_newest(text)
    found = _indexed(text) if len(newest) < _COMMON else newest
    if found is newest or len(found) > MOST:
        notes.append(
            f"Very many bodies hold this, so only the newest {NEWEST:,} were searched, "
            f"{_READ:,} characters of each. Another word narrows it."
        )
        found = newest
    elif count := _long():
        notes.append(_not_to_the_end(count))
    return _current(found)


def _not_to_the_end(count: int) -> str:
    bodies = "1 body is" if count == 1 else f"{count:,} bodies are"
    return (
        f"{bodies} longer than {LONGEST:,} characters, and only the beginning of so long "
        "a body was searched."
    )


def _long() -> int:
    """How many bodies are longer than the indexed part."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM dlq_review_revision WHERE {LONG}")  # noqa: S608 - a constant
        (count,) = cursor.fetchone()
    return int(count)


def _current(found: list[tuple[int, int]]) -> list[int]:
    """The letters of *found* (letter, revision number) whose revision is current."""
    letters = DeadLetter.objects.filter(pk__in=[letter for letter, _ in found])
    now = set(letters.order_by().values_list("pk", "revision"))
    return [letter for letter, number in found if (letter, number) in now]


def _indexed(text: str) -> list[tuple[int, int]]:
    """Force the planner to use the index: otherwise it may read every body."""
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


def _unindexed(text: str, notes: list[str]) -> list[tuple[int, int]]:
    """Read the newest bodies one by one, as many as a page may read."""
    if Revision.objects.count() > NEWEST_UNINDEXED:
        notes.append(
            f"Only the newest {NEWEST_UNINDEXED:,} bodies were searched: this database "
            "has no index of their words. PostgreSQL has."
        )
    words = [_word(word) for word in text.split()]
    found: list[tuple[int, int]] = []
    long = 0
    bodies = Revision.objects.annotate(start=Substr("body", 1, LONGEST + 1))
    newest = bodies.order_by("-pk").values_list("letter_id", "number", "start")
    for letter, number, start in newest[:NEWEST_UNINDEXED].iterator(_BODIES):
        long += len(start) > LONGEST
        body = readable(start[:LONGEST])
        if all(word.search(body) for word in words):
            if len(found) == MOST:
                notes.append(
                    f"More than {MOST:,} bodies hold this, so only the newest {MOST:,} "
                    "of them are listed. Another word narrows it."
                )
                break
            found.append((letter, number))
    if long:
        notes.append(_not_to_the_end(long))
    return found


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def readable(body: str) -> str:
    """*body* with its escapes decoded, as the PostgreSQL expression does it."""
    if "\\" not in body:
        return body
    body = re.sub(r"\\([^u]|\Z)", " ", re.sub(r"\\+", r"\\", body))
    return _ESCAPES.sub(_characters, body)


_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")


def _characters(escapes: re.Match[str]) -> str:
    codes = bytes.fromhex(escapes.group().replace("\\u", ""))
    return codes.decode("utf-16-be", "replace")
