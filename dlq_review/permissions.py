"""The permissions on dead letters and alerts."""

from collections.abc import Sequence

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db.models import QuerySet

from processing.models import User

PERMISSIONS = {
    "view": "dlq_review.view_deadletter",
    "edit": "dlq_review.change_deadletter",
    "rehearse": "dlq_review.redrive_deadletter",
    "redrive": "dlq_review.redrive_deadletter",
    "undo": "dlq_review.redrive_deadletter",
    "bulk_redrive": "dlq_review.bulk_redrive_deadletter",
    "export": "dlq_review.export_deadletter",
    "reveal": "dlq_review.view_personal_deadletter",
    "discard": "dlq_review.discard_deadletter",
    "resolve": "dlq_review.discard_deadletter",
    "restore": "dlq_review.discard_deadletter",
    "schedule": "dlq_review.schedule_redrivepolicy",
    "view_alerts": "dlq_review.view_alertdelivery",
    "test_alerts": "dlq_review.test_alertdelivery",
}
#: Beside the permission for many, by kind of operation.
ALSO_NEEDED = {
    "redrive": "view",
    "discard": "discard",
    "restore": "restore",
    "fix": "edit",
    "undo": "edit",
    "repair": "edit",
}
#: All that a redrive policy needs, as names of PERMISSIONS: at each run of its owner.
SCHEDULING = ("schedule", "bulk_redrive", "view")
_MANY = {
    "bulk_redrive": "redrive many",
    "reveal": "see personal data of",
    "schedule": "schedule redrives of",
}


def may(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    return isinstance(user, PermissionsMixin | AnonymousUser) and user.has_perm(
        PERMISSIONS[name]
    )


def who_may_see() -> QuerySet[User]:
    """The active members of staff who may see dead letters, by name."""
    backend = "django.contrib.auth.backends.ModelBackend"
    found = User.objects.with_perm(PERMISSIONS["view"], backend=backend)
    return found.filter(is_staff=True).order_by("username")


def may_operate(user: AbstractBaseUser | AnonymousUser, kind: str) -> bool:
    """Whether *user* may begin and steer operations of *kind*."""
    return all(may(user, name) for name in needed_for(kind))


def needed_for(kind: str) -> tuple[str, str]:
    """The permissions that an operation of *kind* needs, as names of PERMISSIONS."""
    return "bulk_redrive", ALSO_NEEDED.get(kind, "view")


def may_schedule(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether *user* may begin and steer redrive policies."""
    return all(may(user, name) for name in SCHEDULING)


def denial(user: AbstractBaseUser | AnonymousUser, names: Sequence[str]) -> str:
    """One sentence that names those of *names* this user may not do; empty if none."""
    missing = [_MANY.get(name, name) for name in names if not may(user, name)]
    if not missing:
        return ""
    *most, last = missing
    listed = f"{', '.join(most)} or {last}" if most else last
    return f"You do not have the permission to {listed} dead letters."
