"""Bodies and tracebacks made readable, without changing what they say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from processing.events import strict_json

LONGEST_SHOWN = 64 * 1024  # characters; longer bodies are cut on the page
_OPENING, _CLOSING = {"[", "{"}, {"]", "}"}
_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_HALVES = range(0xD800, 0xE000)  # lone surrogates, which UTF-8 cannot write
_SPELLED_OUT = {mark: f"\\u{mark:04x}" for mark in (*_TURNING, *_HALVES)}


def pretty(body: str) -> str:
    """*body* indented, token for token; a body that is not JSON stays as it is.

    `json.dumps` would write 1.10 as 1.1.
    """
    return "".join(_pieces(body))


def shown(body: str) -> tuple[str, bool]:
    """The part of `pretty` that a page shows, and whether the rest is left out.

    Indenting makes a deeply nested body thirty times as long, so the result is cut.
    """
    pieces, length = [], 0
    for piece in _pieces(body):
        pieces.append(piece)
        length += len(piece)
        if length > LONGEST_SHOWN:
            return "".join(pieces)[:LONGEST_SHOWN], True
    return "".join(pieces), False


def _pieces(body: str) -> Iterator[str]:
    try:
        strict_json.loads(body)
    except strict_json.UnreadableJSONError:
        yield body
        return
    depth, before = 0, ""
    for token in strict_json.tokens(body):
        closes, follows_opening = token in _CLOSING, before in _OPENING
        depth -= closes
        if before == "," or closes != follows_opening:
            yield "\n" + "  " * depth
        yield ": " if token == ":" else token
        depth += token in _OPENING
        before = token


def visible(text: str) -> str:
    """*text* for any page.

    Characters that change the direction of writing, and lone surrogates, are escaped as in
    JSON.
    """
    return text.translate(_SPELLED_OUT)


@dataclass(slots=True)
class Frame:
    where: str
    ours: bool
    code: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Traceback:
    frames: list[Frame]
    error: str


_FRAME = re.compile(r'  File "(?P<path>.+)", line (?P<line>\d+), in (?P<name>.+)')


def traceback(text: str) -> Traceback:
    """The frames of a stored traceback, each marked as ours or a library's."""
    frames: list[Frame] = []
    rest: list[str] = []
    for line in text.splitlines():
        found = _FRAME.fullmatch(line)
        if found:
            path = found["path"]
            ours = "site-packages" not in path and "/lib/python" not in path
            short = "/".join(path.split("/")[-2:])
            frames.append(Frame(f"{short}:{found['line']} in {found['name']}", ours))
        elif line.startswith("    ") and frames:
            if line.strip(" ^~"):  # skip the underlines that Python 3.11 adds
                frames[-1].code.append(line.strip())
        elif not line.startswith("Traceback"):
            rest.append(line)
    return Traceback(frames, "\n".join(rest).strip())


def one_line(text: str) -> str:
    """*text* for a terminal: without codes that move its cursor or change its colour."""
    return "".join(one if one.isprintable() else "·" for one in text)
