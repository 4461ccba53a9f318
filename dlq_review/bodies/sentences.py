"""The sentence of a failure group: what its error texts say alike, and where they differ.

A part that may differ is a quoted text, an address, or a word with a digit. It is shown as
long as it is equal in all texts of the group, so the members of an enumeration stay, and
the SKUs of different orders become VARIES. What is masked in the text never shows.
"""

import re

from processing.events.masking import MASK

VARIES = "‹…›"
LONGEST = 500  # characters, as the column has
_READ = 2 * LONGEST  # characters of a text: to find the parts takes the square of them
_PART = re.compile(
    rf"{VARIES}|(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\S+@\S+"
    rf"|[\w-]*(?:{MASK}[\w-]*)+|[\w-]*\d[\w-]*(?:[.:,/+]\d[\w-]*)*"
)
#: The end of a text: a number with the gaps in it, as of a phone, and a word.
_CUT_OFF = re.compile(r"(?<![\d\s()+./-])[\d\s()+./-]{0,60}(?<!\w)[\w-]{0,100}\Z")


def sentence_of(text: str) -> str:
    """The sentence of a group with the masked error *text* only."""
    return _PART.sub(_shown, text[:_READ])[:LONGEST]


def narrowed(sentence: str, text: str) -> str:
    """What *sentence* and one more error *text* of its group say alike."""
    other = sentence_of(text)
    if other == sentence:
        return sentence
    rests, parts = _PART.split(sentence), _PART.findall(sentence)
    if rests != _PART.split(other):
        return _ends(sentence, other)
    alike = zip(parts, _PART.findall(other), strict=True)
    marked = [one if one == its else VARIES for one, its in alike]
    return "".join(
        rest + part for rest, part in zip(rests, [*marked, ""], strict=True)
    )[:LONGEST]


def shared(sentence: str, text: str) -> str:
    """*sentence*, narrowed by *text* if both are the same apart from parts that may differ."""
    if skeleton(sentence) != skeleton(text):
        return sentence
    return narrowed(sentence, text)


def skeleton(text: str) -> str:
    """The begin of *text* with all parts marked that may differ: texts that are alike share it."""
    return _PART.sub(VARIES, text[:_READ])


def marked(template: str) -> str:
    """The sentence of a group that an earlier release made: it has the template only."""
    return template.replace("…", VARIES)


def whole_words(text: str, longest: int) -> str:
    """*text* without the word or number in which it was cut, if it has *longest* characters.

    No mask knows a name of which only the beginning is left.
    """
    return text if len(text) < longest else _CUT_OFF.sub("", text)


def says_something(sentence: str) -> bool:
    return any(map(str.isalpha, sentence.replace(VARIES, "")))


def _shown(part: re.Match[str]) -> str:
    is_hidden = MASK in part[0] or "@" in part[0]
    return VARIES if is_hidden else part[0]


def _ends(one: str, other: str) -> str:
    """The words with which both begin and end, where what is between has no order."""
    words, others = one.split(" "), other.split(" ")
    most = min(len(words), len(others))
    first = _alike(words, others, most)
    last = _alike(words[::-1], others[::-1], most - first)
    return " ".join([*words[:first], VARIES, *words[len(words) - last :]])[:LONGEST]


def _alike(words: list[str], others: list[str], most: int) -> int:
    """How many of the first words are equal."""
    pairs = zip(words[:most], others[:most], strict=True)
    return next((n for n, (one, its) in enumerate(pairs) if one != its), most)
