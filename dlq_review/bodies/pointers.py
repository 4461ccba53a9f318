"""JSON pointers (RFC 6901): the names of the parts of a body."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from processing.events import strict_json
from processing.events.masking import mask_name


def pointer(names: Iterable[str | int]) -> str:
    return "".join(
        f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in names
    )


def veiled(path: str) -> str:
    """*path* as everybody may see it: a sender chooses names, and may put anything there."""
    return "".join(
        f"/{one if one in ('-', '*') or one.isascii() and one.isdigit() else mask_name(one)}"
        for one in path.split("/")[1:]
    )


def names_of(path: str) -> tuple[str, ...]:
    parts = path.split("/")[1:]
    return tuple(one.replace("~1", "/").replace("~0", "~") for one in parts)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a body that is looked for, or that holds one."""

    path: str = ""
    parts: dict[str, "_Part"] = field(default_factory=dict)


def _tree(wanted: Iterable[str]) -> _Part:
    root = _Part()
    for path in wanted:
        part = root
        for name in names_of(path):
            if name not in part.parts:
                part.parts[name] = _Part(f"{part.path}{pointer((name,))}")
            part = part.parts[name]
    return root


@dataclass(slots=True)
class _Open:
    """An object or a list around the token that is read."""

    part: _Part | None
    """None if nothing in it is looked for."""
    is_list: bool
    index: int = 0

    def inside(self, name: str) -> _Part | None:
        return self.part.parts.get(name) if self.part is not None else None


def lines_of(text: str, wanted: Iterable[str]) -> dict[str, int]:
    """The line on which each part begins that *wanted* names, and each around it.

    *wanted* are pointers; those of parts that *text* has not are left out. *text* is JSON
    that `strict_json` accepts. The first line is 1.
    """
    found: dict[str, int] = {}
    here: _Part | None = _tree(wanted)
    around: list[_Open] = []
    name_is_next, line, end = False, 1, 0
    for match in strict_json.TOKEN.finditer(text.removeprefix("\ufeff")):
        line += text.count("\n", end, match.start())
        end = match.start()
        token = match.group()
        if token in ("}", "]"):
            around.pop()
        elif token == ",":
            name_is_next, here = _next_part(around[-1])
        elif token == ":":
            name_is_next = False
        else:
            if name_is_next:
                here = around[-1].inside(_name(token))
            if here is not None:
                found.setdefault(here.path, line)
            if token in ("{", "["):
                around.append(_Open(here, token == "["))
                name_is_next = token == "{"
                here = around[-1].inside("0")
    return found


def _next_part(part: _Open) -> tuple[bool, _Part | None]:
    """Whether a name comes next, and the part that comes next in a list."""
    if part.is_list:
        part.index += 1
    return not part.is_list, part.inside(str(part.index))


def _name(token: str) -> str:
    name: str = strict_json.loads(token) if "\\" in token else token[1:-1]
    return name


def around(path: str) -> Iterator[str]:
    """*path*, and the pointers of what holds it, from the inside to the whole."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
