"""Requests that were accepted and have no row: they wait on a queue, or a restore lost them.

The books start from rows, so they cannot miss a request whose rows were lost by a restore. The
log of the web processes names each request that was accepted, and outlives the database.
"""

import re
from collections.abc import Iterable, Iterator

from dlq_review.models import DeadLetter
from processing.models import Attempt, Outcome, SpooledEvent

SET = 500  # request ids of one query
_ID = r"request_id=(\S+) correlation_id=\S* type=\S+ "
#: In a line of this release, which may be the `message` of JSON, and of the one before.
_LOGGED = re.compile(_ID + r"(?:outcome=accepted reason=|accepted$)")
_BARE = re.compile(r"[\w.:-]{1,64}")
_KNOWN_BY = (Outcome, SpooledEvent, DeadLetter, Attempt)


def request_ids(lines: Iterable[str]) -> Iterator[str]:
    """The request ids in *lines* of a log that say `accepted`, or that hold nothing else."""
    for line in map(str.strip, lines):
        if logged := _LOGGED.search(line):
            yield logged[1]
        elif _BARE.fullmatch(line):
            yield line


def without_a_row(ids: Iterable[str]) -> Iterator[str]:
    """Those of *ids* that have no outcome, no attempt, no letter and no place in the spool."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), SET):
        some = distinct[start : start + SET]
        known: set[str] = set()
        for model in _KNOWN_BY:
            rows = model._default_manager.filter(request_id__in=some).order_by()
            known.update(rows.values_list("request_id", flat=True))
        yield from (one for one in some if one not in known)
