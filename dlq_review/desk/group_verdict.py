"""What a group needs next, according to the letters of it that wait."""

from dataclasses import dataclass

from django.conf import settings

from dlq_review.models import DeadLetter, FailureGroup

MOST = 1_000  # letters looked at, the newest
_ACTIONS = ("redrive", "rehearse", "edit")
_ROW = ("body_fingerprint", "release", "revision")


@dataclass(frozen=True, slots=True)
class Verdict:
    primary: str = "redrive"
    """The action to begin with: `redrive`, `edit` or `rehearse`."""
    sentence: str = ""
    """Why, if it is not a plain redrive."""

    @property
    def order(self) -> list[str]:
        """The actions of the page, the primary one first."""
        return sorted(_ACTIONS, key=lambda name: name != self.primary)


def verdict(group: FailureGroup) -> Verdict:
    found: list[tuple[str, str, int]] = []
    for state in DeadLetter.EDITABLE:  # the index orders letters within a state
        its = group.letters.filter(state=state).order_by("-last_failed_at", "-pk")
        found += its.values_list(*_ROW)[:MOST]
    invalid = sum(1 for fingerprint, *_ in found if not fingerprint)
    if invalid:
        return _invalid(invalid, len(found))
    same_code = {
        release == settings.RELEASE and not edits for _, release, edits in found
    }
    if settings.RELEASE and same_code == {True}:
        return Verdict(
            "rehearse",
            f"Still the same code: they failed on release {settings.RELEASE}, which is "
            "what runs now. Rehearse a few before you redrive them.",
        )
    return Verdict()


def _invalid(invalid: int, looked_at: int) -> Verdict:
    of = f"the newest {MOST:,}" if looked_at >= MOST else f"{looked_at:,}"
    verb = "is" if invalid == 1 else "are"
    said = f"{invalid:,} of {of} {verb} not valid, and a redrive skips "
    if invalid == looked_at:
        return Verdict("edit", f"{said}{'it' if invalid == 1 else 'them'}: edit first.")
    primary = "edit" if 2 * invalid > looked_at else "redrive"
    return Verdict(primary, f"{said}{'it' if invalid == 1 else 'them'}.")
