"""The actions that one person may take on one dead letter now, and why not the others."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from dlq_review.letters.current_event import Processed
from dlq_review.models import DeadLetter
from dlq_review.permissions import may

_LABELS = {
    "redrive": "Redrive",
    "undo": "Undo",
    "rehearse": "Rehearse",
    "edit": "Edit",
    "resolve": "Resolve",
    "discard": "Discard",
    "restore": "Restore",
}


@dataclass(frozen=True, slots=True)
class Action:
    name: str
    label: str
    denied: str = ""
    """Why the action is not possible now; empty if it is."""


def actions_for(
    user: AbstractBaseUser | AnonymousUser,
    letter: DeadLetter,
    known: Processed,
    *,
    valid: bool,
) -> dict[str, Action]:
    names = ["redrive", "edit", "rehearse", "resolve", "discard"]
    if letter.state == DeadLetter.State.DISCARDED:
        names = ["restore"]
    if letter.undoable:
        names[0] = "undo"
    denied = {name: _denied(user, letter, name, valid) for name in names}
    if known.done and not known.same and "redrive" in names:
        denied["redrive"] = denied["redrive"] or _USED
    return {name: Action(name, _LABELS[name], denied[name]) for name in names}


_USED = "Its request id was processed with another body, so a redrive is refused."


def _denied(
    user: AbstractBaseUser | AnonymousUser, letter: DeadLetter, name: str, valid: bool
) -> str:
    as_text = letter.state == DeadLetter.State.QUARANTINED
    if name == "edit" and as_text and not may(user, "reveal"):
        return (
            "It can be edited as text only, and you do not have the permission to see "
            "personal data, which the body holds."
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
        return f"It is {state}; only open or quarantined letters can be acted on."
    if name in ("redrive", "rehearse") and not valid:
        return "The body is not a valid event yet. Edit it first."
    return ""
