"""Preview on a few letters the changes of an edit of many or a repair, before it is started.

Everybody who may view operations sees the preview, so personal data is masked.
"""

from collections import Counter
from dataclasses import dataclass, field

from dlq_review.bodies import difference, patch_cases
from dlq_review.bodies.json_patch import OtherValueError, PatchError
from dlq_review.letters import current_event, revisions
from dlq_review.letters.current_event import NotAnEventError
from dlq_review.models import DeadLetter, Operation
from dlq_review.search.veil import Masked

LOOKED_AT = 200  # letters; a page must not read a hundred thousand bodies
MOST_READ = 1024 * 1024  # characters of their bodies, after which no other is looked at
SHOWN = 5
SHOWN_OTHERS = 20  # values


@dataclass(slots=True)
class Preview:
    looked_at: int = 0
    changed: int = 0
    unchanged: int = 0
    invalid: int = 0
    impossible: int = 0
    gone: int = 0
    """Letters that were edited, sent or settled since the list was frozen."""
    whole: bool = True
    """The whole list was looked at."""
    others: Counter[str] = field(default_factory=Counter)
    """Why letters have another value than the change expects; each names the value."""
    samples: list[tuple[DeadLetter, list[difference.Line], str]] = field(
        default_factory=list
    )
    """A letter, the change of its body, and the problems that would remain."""

    @property
    def other(self) -> int:
        return self.others.total()

    @property
    def others_listed(self) -> list[tuple[str, int]]:
        return self.others.most_common(SHOWN_OTHERS)


def preview(operation: Operation) -> Preview:
    found = Preview(whole=operation.total <= LOOKED_AT)
    items = operation.items.select_related("letter").order_by("letter_id")[:LOOKED_AT]
    read = 0
    for item in items:
        if read >= MOST_READ:
            found.whole = False
            break
        found.looked_at += 1
        letter = item.letter
        if letter.revision != item.revision or letter.state not in DeadLetter.EDITABLE:
            found.gone += 1
            continue
        body = current_event.current(letter).body
        read += len(body)
        _look_at(found, operation, letter, body)
    return found


def _look_at(
    found: Preview, operation: Operation, letter: DeadLetter, body: str
) -> None:
    """Count in *found* what *operation* would do to *letter*, and show a few."""
    lines: list[difference.Line] = []
    problem = ""
    try:
        after = patch_cases.apply(operation.patch, body, masked=operation.masked)
        if after == body:
            found.unchanged += 1
            return
        lines = Masked([]).diff(body, after)
        revisions.check(letter, after)
        found.changed += 1
    except OtherValueError as error:
        found.others[str(error)] += 1
        return
    except PatchError as error:
        found.impossible += 1
        problem = str(error)
    except NotAnEventError as error:
        found.invalid += 1
        problem = str(error)
    if len(found.samples) < SHOWN:
        found.samples.append((letter, lines, problem))
