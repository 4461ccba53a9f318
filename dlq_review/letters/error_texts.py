"""The error text that is stored of a letter: masked by all of its bodies.

Lists, exports and the search show the stored text, and read no body for it. So it is masked
again whenever the letter gets another body, which may tell whom the text names.
"""

from collections.abc import Iterable, Mapping

from dlq_review.bodies.sentences import whole_words
from dlq_review.groups import counters
from dlq_review.letters.sets import column
from dlq_review.models import Arrival, DeadLetter, Revision
from dlq_review.search.veil import MOST_MASKED
from processing.events.masking import MASK
from processing.events.veil import Veil

_LONGEST = 500  # characters, as the column has
_HELD = 2  # bodies of up to 1 MiB


def of_failure(letter: DeadLetter, text: str) -> str:
    """The *text* of the last failure of *letter*, whose bodies are all stored.

    It is hidden where they are longer than MOST_MASKED characters together.
    """
    if not text:
        return ""
    read = 0
    # All of them, and not those that a page reads: a list shows this text without a body.
    for body in _different_bodies(letter):
        read += len(body)
        if read > MOST_MASKED:
            return MASK
        text = Veil(body)(text)
    return text[:_LONGEST]


def _different_bodies(letter: DeadLetter) -> Iterable[str]:
    revisions, arrivals = (
        model._base_manager.filter(letter=letter)
        .order_by()
        .values_list("body", flat=True)
        for model in (Revision, Arrival)
    )
    return revisions.union(arrivals).iterator(_HELD)


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
        text = veil(whole_words(letters[number].error_text, _LONGEST))[:_LONGEST]
        if text != letters[number].error_text:
            changed[number] = text
    if not changed:
        return
    masked = [(letters[one], text, bodies[one]) for one, text in changed.items()]
    counters.mask(masked, groups)
    texts = column(DeadLetter, "error_text", changed)
    DeadLetter.objects.filter(pk__in=changed).update(error_text=texts)
    for number, text in changed.items():
        letters[number].error_text = text
