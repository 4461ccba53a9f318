"""What one person may do with one dead letter now, and if not, why not."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from dlq_review.models import DeadLetter

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
}
#: Beside the permission for many, by kind of operation.
_ALSO_NEEDED = {
    "discard": "discard",
    "restore": "restore",
    "fix": "edit",
    "undo": "edit",
}
_LABELS = {
    "redrive": "Redrive",
    "undo": "Undo",
    "rehearse": "Rehearse",
    "edit": "Edit",
    "resolve": "Resolve",
    "discard": "Discard",
    "restore": "Restore",
}
_MANY = {"bulk_redrive": "redrive many", "reveal": "see personal data of"}


@dataclass(frozen=True, slots=True)
class Action:
    name: str
    label: str
    denied: str = ""
    """Why it cannot be done now; empty where it can."""


def may(user: AbstractBaseUser | AnonymousUser, name: str) -> bool:
    return isinstance(user, PermissionsMixin | AnonymousUser) and user.has_perm(
        PERMISSIONS[name]
    )


def may_operate(user: AbstractBaseUser | AnonymousUser, kind: str) -> bool:
    """Whether *user* may begin and steer operations of *kind*."""
    return all(may(user, name) for name in needed_for(kind))


def needed_for(kind: str) -> tuple[str, str]:
    """What an operation of *kind* needs, as names of PERMISSIONS."""
    return "bulk_redrive", _ALSO_NEEDED.get(kind, "view")


def denial(user: AbstractBaseUser | AnonymousUser, names: Sequence[str]) -> str:
    """One sentence that names what of *names* this user may not do; empty if all."""
    missing = [_MANY.get(name, name) for name in names if not may(user, name)]
    if not missing:
        return ""
    *most, last = missing
    listed = f"{', '.join(most)} or {last}" if most else last
    return f"You do not have the permission to {listed} dead letters."


def actions_for(
    user: AbstractBaseUser | AnonymousUser, letter: DeadLetter, *, valid: bool
) -> dict[str, Action]:
    names = ["redrive", "edit", "rehearse", "resolve", "discard"]
    if letter.state == DeadLetter.State.DISCARDED:
        names = ["restore"]
    if letter.held:
        names[0] = "undo"
    return {
        name: Action(name, _LABELS[name], _denied(user, letter, name, valid))
        for name in names
    }


def _denied(
    user: AbstractBaseUser | AnonymousUser, letter: DeadLetter, name: str, valid: bool
) -> str:
    if name == "edit" and not may(user, "reveal"):
        return (
            "You do not have the permission to see personal data, which the body holds."
        )
    if not may(user, name):
        deed = "redrive" if name == "undo" else name
        return f"You do not have the permission to {deed} dead letters."
    if name == "undo":
        return ""
    if name == "restore" and letter.purged_at is not None:
        return "Its body was removed after its retention; there is nothing to restore."
    if name != "restore" and letter.state not in DeadLetter.EDITABLE:
        state = letter.get_state_display().lower()
        return f"It is {state}; only what is open or quarantined can be acted on."
    if name in ("redrive", "rehearse") and not valid:
        return "The body is not a valid event yet. Edit it first."
    return ""
