"""Mask in a text, such as an error's, what is masked in the bodies that it is about."""

import json
import re
from itertools import takewhile

from processing.events import strict_json
from processing.events.masking import MASK, mask, mask_value, walk

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
# Scripts that write no spaces: each letter counts as a word.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[^\W{_UNSPACED}]+|[{_UNSPACED}]")
_CUT = 100  # characters of a name or a type that our own errors repeat
_LONGEST = 64 * 1024  # characters of a text; no page shows more of one
_LONG = 6  # characters
_FEW = 8  # words; beyond them it is no name, and its short words are no secret


class Veil:
    """Masks in texts, such as an error's, each value that is masked in *bodies*."""

    def __init__(self, *bodies: str) -> None:
        self._hidden: set[tuple[str, ...]] = set()
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
        for spelling in [value] if value.isascii() else [value, json.dumps(value)]:
            local, _, rest = spelling.rpartition("@")
            words = _WORD.findall((local or rest).casefold())
            few = len(words) <= _FEW
            if few and len("".join(words)) >= _LONG:
                # As one word, as a text names a phone number without its spaces.
                self._hidden |= {("".join(words),), ("_".join(words),)}
            for number, word in enumerate(words):
                if len(word) >= (3 if few else 4) or len(words) == 1 < len(word):
                    self._hidden |= {(word,), (word[:_CUT],)}
                elif few or not word.isascii():
                    self._hidden.add(tuple(words[number : number + 2]))
        return mask_value(value)

    def _words(self, text: str) -> str:
        if not self._hidden:
            return text
        near = takewhile(lambda one: one.start() < _LONGEST, _WORD.finditer(text))
        found = list(near)
        words = [one.group().casefold() for one in found]
        if len(text) > _LONGEST:  # whether the last word is hidden is not known
            text = text[: found.pop().start() if found else _LONGEST]
        out, last, until = [], 0, -1
        for number, one in enumerate(found):
            if tuple(words[number : number + 2]) in self._hidden:
                until = max(until, number + 1)
            if (words[number],) in self._hidden:
                until = max(until, number)
            if number <= until:
                out += [text[last : one.start()], MASK]
                last = one.end()
        return "".join([*out, text[last:]])
