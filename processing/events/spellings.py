"""The words of a text, as they read where some characters are percent-encoded."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

# Scripts that write no spaces: each letter counts as a word.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[^\W{_UNSPACED}]+|[{_UNSPACED}]")
_ENCODED = re.compile(r"((?:%[0-9A-Fa-f]{2})+)")
_ROUNDS = 3  # so often is a text decoded, which may have been encoded more than once


class Word(NamedTuple):
    text: str
    """Without differences of case and of width."""
    start: int
    end: int
    """Where it stands in the text, with its encoded characters."""


def words_of(value: str) -> list[str]:
    """The words of *value*, as `words_in` finds them, without their places."""
    for _ in range(_ROUNDS):
        if "%" not in value:
            break
        value = unquote(value)
    return list(map(_plain, _WORD.findall(value.casefold())))


def words_in(text: str) -> list[Word]:
    """The words of *text*; what is percent-encoded reads like what it stands for."""
    plain = text
    starts: Sequence[int] = range(len(text))
    ends: Sequence[int] = range(1, len(text) + 1)
    for _ in range(_ROUNDS):
        if not _ENCODED.search(plain):
            break
        plain, first, last = _decoded(plain)
        starts, ends = [starts[one] for one in first], [ends[one - 1] for one in last]
    return [
        Word(_plain(one[0].casefold()), starts[one.start()], ends[one.end() - 1])
        for one in _WORD.finditer(plain)
    ]


def _plain(word: str) -> str:
    return word if word.isascii() else unicodedata.normalize("NFKC", word)


def _decoded(text: str) -> tuple[str, list[int], list[int]]:
    """*text* decoded once, and where each of its characters begins and ends in *text*."""
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    parts = _ENCODED.split(text)
    for number, (part, at) in enumerate(
        zip(parts, accumulate(map(len, parts), initial=0), strict=False)
    ):
        if number % 2:
            out.append(_read(unquote_to_bytes(part)))
            starts += [at] * len(out[-1])
            ends += [at + len(part)] * len(out[-1])
        else:
            out.append(part)
            starts += range(at, at + len(part))
            ends += range(at + 1, at + len(part) + 1)
    return "".join(out), starts, ends


def _read(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return encoded.decode("latin-1")
