"""The error text that is stored of a letter: masked by all of its bodies.

Lists, exports and the search show the stored text, and read no body for it. So it is masked
again whenever the letter gets another body, which may tell whom the text names.
"""

from collections.abc import Iterable, Mapping

from dlq_review.groups import counters
from dlq_review.letters.sets import column
from dlq_review.models import DeadLetter
from dlq_review.search.veil import look_at
from processing.events.veil import Veil

_LONGEST = 500  # characters, as the column has


def of_failure(letter: DeadLetter, text: str) -> str:
    """The *text* of the last failure of *letter*, whose bodies are all stored."""
    return look_at([letter]).text(text)[:_LONGEST] if text else ""


def mask(
    letters: Mapping[int, DeadLetter],
    bodies: Mapping[int, Veil],
    groups: Iterable[int] = (),
) -> None:
    """Mask the text of each of *letters*, which are locked, by what its new body tells.

    Both are given by the numbers of the letters. *groups* are those that the transaction
    changes afterwards: they are locked in the order of their keys, with those of the letters.
    """
    changed: dict[int, str] = {}
    for number, veil in bodies.items():
        text = veil(letters[number].error_text)[:_LONGEST]
        if text != letters[number].error_text:
            changed[number] = text
    if not changed:
        return
    counters.mask([(letters[one], text) for one, text in changed.items()], groups)
    texts = column(DeadLetter, "error_text", changed)
    DeadLetter.objects.filter(pk__in=changed).update(error_text=texts)
    for number, text in changed.items():
        letters[number].error_text = text
