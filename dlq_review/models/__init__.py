from dlq_review.models.alerts import AlertDelivery, RaisedAlert, UntoldAlert
from dlq_review.models.arrivals import Arrival
from dlq_review.models.audit import AppendOnlyError, AuditEntry
from dlq_review.models.erasures import Erasure
from dlq_review.models.groups import FailureCount, FailureGroup, LastLook
from dlq_review.models.letters import DeadLetter
from dlq_review.models.monitoring import LifeSign, Report
from dlq_review.models.operations import Operation, OperationItem
from dlq_review.models.policies import RedrivePolicy
from dlq_review.models.revisions import Revision

__all__ = [
    "AlertDelivery",
    "AppendOnlyError",
    "Arrival",
    "AuditEntry",
    "DeadLetter",
    "Erasure",
    "FailureCount",
    "FailureGroup",
    "LastLook",
    "LifeSign",
    "Operation",
    "OperationItem",
    "RaisedAlert",
    "RedrivePolicy",
    "Report",
    "Revision",
    "UntoldAlert",
]
