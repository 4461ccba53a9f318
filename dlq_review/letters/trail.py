"""Write the audit trail of moves, and count those that repair something."""

from collections.abc import Iterable

from django.db import transaction

from dlq_review.models import AuditEntry
from processing.database.inserts import insert
from processing.metrics.declared import REPAIRS

#: The verbs of moves that the metrics count, and their names there.
OUTCOMES = {
    AuditEntry.Verb.SENT: "redriven",
    AuditEntry.Verb.RESOLVED: "resolved",
    AuditEntry.Verb.DISCARDED: "discarded",
    AuditEntry.Verb.RESTORED: "restored",
    AuditEntry.Verb.FAILED_AGAIN: "failed_again",
}


def write(entries: Iterable[AuditEntry]) -> None:
    """Call it in the transaction of the moves. They are counted once it commits."""
    written = list(entries)
    insert(written)
    verbs = [AuditEntry.Verb(entry.verb) for entry in written]
    transaction.on_commit(lambda: _count(verbs))


def _count(verbs: Iterable[AuditEntry.Verb]) -> None:
    for verb in verbs:
        if verb in OUTCOMES:
            REPAIRS.count(OUTCOMES[verb])
