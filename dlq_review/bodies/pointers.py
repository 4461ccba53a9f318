"""JSON pointers (RFC 6901): the names of the parts of a body."""

from collections.abc import Iterable, Iterator

from processing.events import strict_json
from processing.events.masking import mask_name


def pointer(names: Iterable[str | int]) -> str:
    return "".join(
        f"/{str(one).replace('~', '~0').replace('/', '~1')}" for one in names
    )


def veiled(path: str) -> str:
    """*path* as everybody may see it: a sender chooses names, and may put anything there."""
    return "".join(
        f"/{one if one == '-' or one.isascii() and one.isdigit() else mask_name(one)}"
        for one in path.split("/")[1:]
    )


def names_of(path: str) -> tuple[str, ...]:
    parts = path.split("/")[1:]
    return tuple(one.replace("~1", "/").replace("~0", "~") for one in parts)


def lines_of(text: str) -> dict[str, int]:
    """The line on which each part of *text* begins, by its pointer.

    *text* is JSON that `strict_json` accepts. The first line is 1.
    """
    found: dict[str, int] = {}
    around: list[list[str | int]] = []  # of each open object or list: the part's name
    name_is_next, line, end = False, 1, 0
    for match in strict_json.TOKEN.finditer(text.removeprefix("\ufeff")):
        line += text.count("\n", end, match.start())
        end = match.start()
        token = match.group()
        if token in ("}", "]"):
            around.pop()
        elif token == ",":
            name_is_next = _next_part(around[-1])
        elif token == ":":
            name_is_next = False
        elif name_is_next:
            around[-1][1] = strict_json.loads(token)
            found[pointer(part[1] for part in around)] = line
        else:
            found.setdefault(pointer(part[1] for part in around), line)
            if token in ("{", "["):
                around.append([token, 0])
                name_is_next = token == "{"
    return found


def _next_part(part: list[str | int]) -> bool:
    """Go to the next member of *part*; whether its name comes first."""
    if isinstance(part[1], int) and part[0] == "[":
        part[1] += 1
    return part[0] == "{"


def around(path: str) -> Iterator[str]:
    """*path*, and the pointers of what holds it, from the inside to the whole."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
