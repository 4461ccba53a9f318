from dlq_review.models.audit import AppendOnlyError, AuditEntry
from dlq_review.models.groups import FailureCount, FailureGroup
from dlq_review.models.letters import Arrival, DeadLetter, Revision

__all__ = [
    "AppendOnlyError",
    "Arrival",
    "AuditEntry",
    "DeadLetter",
    "FailureCount",
    "FailureGroup",
    "Revision",
]
