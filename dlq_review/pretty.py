"""Bodies and tracebacks made readable, without changing what they say."""

import difflib
import re
from dataclasses import dataclass, field

from processing import strict_json

LONGEST_SHOWN = 64 * 1024  # characters; longer bodies are cut on the page
_OPENING, _CLOSING = {"[", "{"}, {"]", "}"}
_TURNING = {
    mark: f"\\u{mark:04x}"
    for mark in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')


def pretty(body: str) -> str:
    """*body* indented, token for token; what is not JSON stays as it is.

    Not by `json.dumps`: that would write 1.10 as 1.1.
    """
    try:
        strict_json.loads(body)
    except strict_json.UnreadableJSONError:
        return body
    out: list[str] = []
    depth, before = 0, ""
    for match in _TOKEN.finditer(body):
        token = match.group()
        closes, follows_opening = token in _CLOSING, before in _OPENING
        depth -= closes
        if before == "," or closes != follows_opening:
            out.append("\n" + "  " * depth)
        out.append(": " if token == ":" else token)
        depth += token in _OPENING
        before = token
    return "".join(out)


def visible(text: str) -> str:
    """*text* with what turns the direction of writing spelled out, as JSON would."""
    return text.translate(_TURNING)


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    """add, del, hunk or same."""
    text: str


def diff(before: str, after: str) -> list[Line]:
    """What changed from one body to the next, line by line."""
    if max(len(before), len(after)) > LONGEST_SHOWN:
        return [Line("hunk", "Too long to compare here; download both.")]
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    lines = difflib.unified_diff(
        pretty(before).splitlines(), pretty(after).splitlines(), lineterm="", n=2
    )
    return [Line(kinds.get(line[:1], "same"), line) for line in list(lines)[2:]]


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
    """The frames of a stored traceback, ours told from the libraries'."""
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
            if line.strip(" ^~"):  # what Python 3.11 underlines is plain without it
                frames[-1].code.append(line.strip())
        elif not line.startswith("Traceback"):
            rest.append(line)
    return Traceback(frames, "\n".join(rest).strip())


def one_line(text: str) -> str:
    """*text* for a terminal: without what would move its cursor or change its colour."""
    return "".join(one if one.isprintable() else "·" for one in text)
