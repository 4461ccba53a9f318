"""The retention of every table. A test walks all models, so a new one needs a line here."""

from dataclasses import dataclass

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session

from dlq_review.alerts import raising
from dlq_review.models import AlertDelivery, AuditEntry, FailureCount, RaisedAlert
from dlq_review.retention import periods
from dlq_review.retention.letters import Groups, Letters, Operations, Policies
from dlq_review.retention.periods import Period
from dlq_review.retention.requests import Accounts, Outcomes, Samples, Signups
from dlq_review.retention.sweeps import First, Oldest, Sweep
from processing.models import OutcomeMail, QueueRecord, WorkerSign


@dataclass(frozen=True, slots=True)
class Purged:
    rows: str
    """The rows that are deleted, and the time from which their age counts."""
    period: Period
    sweep: Sweep


@dataclass(frozen=True, slots=True)
class With:
    """Its rows go with those that they belong to."""

    rows: str
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Kept for ever."""

    because: str


_STAFF = With("rows of a member of staff", ("processing.User",))
_RELEASE = Kept("a release declares so many, and no request adds any")

#: By the label of the model. The purge takes them in this order: letters before the
#: outcomes that they hold, and before the groups that count them.
RULES: dict[str, Purged | With | Kept] = {
    "dlq_review.DeadLetter": Purged(
        "settled letters, since they were settled", periods.HISTORY, Letters()
    ),
    "dlq_review.Operation": Purged(
        "operations, since they ended", periods.HISTORY, Operations()
    ),
    "dlq_review.RedrivePolicy": Purged(
        "policies without runs, since they ended", periods.HISTORY, Policies()
    ),
    "dlq_review.FailureGroup": Purged(
        "groups without letters, since the last failure", periods.HISTORY, Groups()
    ),
    "dlq_review.FailureCount": Purged(
        "counts, since their hour",
        periods.HISTORY,
        Oldest(FailureCount.objects.all, "hour"),
    ),
    "dlq_review.AuditEntry": Purged(
        "entries about no letter, operation or policy, since the deed; the others go with"
        " those",
        periods.HISTORY,
        Oldest(
            lambda: AuditEntry.objects.filter(letter=None, operation=None, policy=None),
            "at",
        ),
    ),
    "dlq_review.RaisedAlert": Purged(
        "alerts that are over, since people were told of them last",
        periods.HISTORY,
        Oldest(lambda: RaisedAlert.objects.filter(raising.IS_OVER), "at"),
    ),
    "dlq_review.AlertDelivery": Purged(
        "deliveries that do not wait, since the alert",
        periods.HISTORY,
        Oldest(
            lambda: AlertDelivery.objects.exclude(state=AlertDelivery.State.WAITING),
            "created_at",
        ),
    ),
    "processing.Outcome": Purged(
        "outcomes of requests without a letter and a spooled event, since the outcome",
        periods.HISTORY,
        Outcomes(),
    ),
    "processing.OutcomeMail": Purged(
        "wishes for a mail that no outcome answered, since they were made",
        periods.HISTORY,
        Oldest(OutcomeMail.objects.all, "asked_at"),
    ),
    "admin.LogEntry": Purged(
        "entries, since the deed", periods.HISTORY, First(LogEntry, "action_time")
    ),
    "processing.User": Purged(
        "accounts that nobody opened, since the last sign-up; others stay, and are the"
        " business's own",
        periods.UNVERIFIED,
        Accounts(),
    ),
    "processing.Signup": Purged(
        "sign-ups, since they were processed", periods.UNVERIFIED, Signups()
    ),
    "processing.Order": Purged(
        "samples of the demonstration page, since they were sent; other orders stay, and"
        " are the business's own",
        periods.DEMONSTRATION,
        Samples(),
    ),
    "processing.QueueRecord": Purged(
        "steps of time, since the overview shows them no more",
        periods.CHARTS,
        Oldest(QueueRecord.objects.all, "kept_until"),
    ),
    "processing.WorkerSign": Purged(
        "workers, since they were last seen",
        periods.MACHINERY,
        Oldest(WorkerSign.objects.all, "at"),
    ),
    "sessions.Session": Purged(
        "sessions, since they expired",
        periods.EXPIRY,
        Oldest(Session.objects.all, "expire_date"),
    ),
    "axes.AccessAttempt": Purged(
        "wrong passwords, since the attempt",
        periods.TEXTS,
        First(AccessAttempt, "attempt_time"),
    ),
    "axes.AccessFailureLog": Purged(
        "wrong passwords, since the attempt",
        periods.TEXTS,
        First(AccessFailureLog, "attempt_time"),
    ),
    "axes.AccessLog": Purged(
        "logins, since the login", periods.TEXTS, First(AccessLog, "attempt_time")
    ),
    "axes.AccessAttemptExpiration": With("expiries", ("axes.AccessAttempt",)),
    "dlq_review.Arrival": With("arrivals", ("dlq_review.DeadLetter",)),
    "dlq_review.Revision": With("revisions", ("dlq_review.DeadLetter",)),
    "dlq_review.OperationItem": With("items", ("dlq_review.Operation",)),
    "processing.Attempt": With(
        "attempts; one whose request is unaccounted for stays, so that the books name it",
        ("processing.Outcome", "dlq_review.DeadLetter"),
    ),
    "processing.Repair": With(
        "repairs", ("processing.Outcome", "dlq_review.DeadLetter")
    ),
    "processing.UnderReview": With(
        "marks, as soon as no letter of the request waits", ("dlq_review.DeadLetter",)
    ),
    "processing.OrderItem": With("items", ("processing.Order",)),
    "processing.OrderReturn": With("returns", ("processing.Order",)),
    "processing.User_groups": _STAFF,
    "processing.User_user_permissions": _STAFF,
    "dlq_review.LastLook": _STAFF,
    "otp_totp.TOTPDevice": _STAFF,
    "otp_static.StaticDevice": _STAFF,
    "otp_static.StaticToken": _STAFF,
    "processing.SpooledEvent": Kept(
        "it is an accepted request; it goes when SQS has taken it"
    ),
    "dlq_review.Erasure": Kept(
        "it shows that a person was forgotten, and tells nobody whom"
    ),
    "dlq_review.UntoldAlert": Kept(
        "of an earlier release; it goes as soon as it is a delivery"
    ),
    "dlq_review.LifeSign": Kept("there is one row for each part of the machinery"),
    "dlq_review.Report": Kept("there is one row"),
    "processing.QueueProgress": Kept("there is one row for each queue"),
    "intake.ApiKey": Kept(
        "staff make them by hand, and a revoked one shows who could send, and until when"
    ),
    "auth.Group": Kept("staff make them by hand"),
    "auth.Group_permissions": Kept("staff make them by hand"),
    "auth.Permission": _RELEASE,
    "contenttypes.ContentType": _RELEASE,
}

#: What goes before its row does, by the label of the model: after RETENTION_DAYS.
TEXTS: dict[str, str] = {
    "dlq_review.DeadLetter": "error text, and a reference that names a person",
    "dlq_review.Arrival": "body and attributes",
    "dlq_review.Revision": "body and reason",
    "dlq_review.AuditEntry": "reason",
    "dlq_review.Operation": "personal conditions, values of a patch, reason",
    "dlq_review.OperationItem": "why it was skipped",
    "dlq_review.RedrivePolicy": "personal conditions, reason, URL",
    "processing.Attempt": "error text and traceback",
    "processing.Outcome": "message to the sender of a discarded request",
}
