"""Mask in a text, such as an error's, what is masked in the bodies that it is about."""

import json
import re
import unicodedata
from collections.abc import Iterator

from processing.events import strict_json
from processing.events.masking import MASK, mask, mask_value, walk
from processing.events.spellings import Word, words_in, words_of

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_CUT = 100  # characters of a name or a type that our own errors repeat
_LONGEST = 64 * 1024  # characters of a text; no page shows more of one
_BEHIND = (
    1_000  # characters that are read beyond, for what begins before and ends there
)
_LONG = 6  # characters
_FEW = 8  # words; beyond them it is no name, and its short words are no secret
_DIGITS = 7  # the last of a phone number, which are the same at home and from abroad
_MOST_DIGITS = 17  # of a phone number with the prefix of a foreign country
# Between its digits; a percent sign may be encoded itself.
_GAP = re.compile(r"(?:[\s()+./\u2010-\u2015\u2212-]|%(?:25){0,3}[0-9A-Fa-f]{2}){0,9}")


class Veil:
    """Masks in texts, such as an error's, each value that is masked in *bodies*."""

    def __init__(self, *bodies: str) -> None:
        self._hidden: set[tuple[str, ...]] = set()
        self._joined: set[str] = set()  # whole values, without what is between words
        self._longest = 0  # characters of one of those
        self._numbers: set[str] = set()  # the last digits of each number
        self._unreadable: set[str] = set()
        self.masked = {"": ""}  # what `mask_body` makes of each: it takes the same walk
        for body in set(filter(None, bodies)):
            try:
                self.masked[body] = walk(body, self._hide)
            except strict_json.UnreadableJSONError as error:
                self.masked[body] = MASK
                self._unreadable.add(str(error))

    def __call__(self, text: str) -> str:
        """Mask *text* that we wrote, in which values stand in quotes."""
        if self._unreadable:
            text = _QUOTED.sub(MASK, text)
        return self._words(mask(text))

    def error(self, text: str) -> str:
        """Mask the *text* of any error: as a whole if a body cannot be read."""
        if not text or not self._unreadable or text in self._unreadable:
            return self(text)
        return MASK

    def _hide(self, value: str) -> str:
        for spelling in [value] if value.isascii() else _spellings(value):
            local, _, rest = spelling.rpartition("@")
            words = words_of(local or rest)
            few = len(words) <= _FEW
            if few:
                self._hide_whole("".join(words).replace("_", ""))
            for number, word in enumerate(words):
                if len(word) >= (3 if few else 4) or len(words) == 1 < len(word):
                    self._hidden |= {(word,), (word[:_CUT],)}
                elif few or not word.isascii():
                    self._hidden.add(tuple(words[number : number + 2]))
        return mask_value(value)

    def _hide_whole(self, joined: str) -> None:
        """Hide a value however its words are spaced, and a number with any prefix."""
        if len(joined) >= _LONG:
            self._joined.add(joined)
            self._longest = max(self._longest, len(joined))
        if _DIGITS <= len(joined) <= _MOST_DIGITS and joined.isdecimal():
            self._numbers.add(joined[-_DIGITS:])

    def _words(self, text: str) -> str:
        if not self._hidden:
            return text
        found = words_in(text[: _LONGEST + _BEHIND])
        spans = self._spans(text, found)
        hidden = {at for first, end in spans for at in range(first, end)}
        if len(text) > _LONGEST:  # the last word may be a part of something hidden
            begun = [one.start for one in found if one.start < _LONGEST]
            text = text[: begun[-1] if begun else _LONGEST]
        out, last = [], 0
        for at in sorted(hidden):
            if found[at].start < len(text):
                out += [text[last : found[at].start], MASK]
                last = found[at].end
        return "".join([*out, text[last:]])

    def _spans(self, text: str, found: list[Word]) -> Iterator[tuple[int, int]]:
        """Where words of *text* are hidden: the first of them, and the one behind them."""
        words = [one.text for one in found]
        for at, word in enumerate(words):
            for some in ((word,), tuple(words[at : at + 2])):
                if some in self._hidden:
                    yield at, at + len(some)
            yield at, self._end_of_whole(words, at)
            if self._numbers and word.replace("_", "").isdecimal():
                yield self._begin_of_number(text, found, at), at + 1

    def _end_of_whole(self, words: list[str], first: int) -> int:
        """Behind the last of the words from *first* on that together are a hidden value."""
        joined, end = "", first
        for at, word in enumerate(words[first : first + _FEW], first + 1):
            joined += word.replace("_", "")
            if len(joined) > self._longest:
                break
            if joined in self._joined:
                end = at
        return end

    def _begin_of_number(self, text: str, found: list[Word], last: int) -> int:
        """The first word of the hidden number that ends with the word *last*, if one does."""
        digits, first, behind = "", last + 1, found[last].end
        for at in range(last, max(last - _FEW, -1), -1):
            word, start, end = found[at].text.replace("_", ""), *found[at][1:]
            gap = text[end:behind] if at < last else ""
            if not word.isdecimal() or not _GAP.fullmatch(gap):
                break
            digits, behind = word + digits, start
            if len(digits) > _MOST_DIGITS:
                break
            if digits[-_DIGITS:] in self._numbers:
                first = at
        return first


def _spellings(value: str) -> set[str]:
    """*value* as JSON escapes it, and with each accent in its letter or behind it."""
    forms = (unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value))
    return {value, json.dumps(value), *forms}
