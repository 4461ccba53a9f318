"""The map of the code, computed from its imports: `python -m docs.map`.

A room is a module or a package directly inside an application. An arrow says that something
in one room imports something in another. Floors count the rooms on the longest chain of
arrows; rooms that import each other in a circle share a floor. `--write` draws
docs/architecture.svg, and `--check` fails where the imports have changed since it was drawn.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "architecture.svg"
APPS = ("dlq_review", "intake", "processing")
Arrow = tuple[str, str]
"""The room that imports, and the one that is imported."""


@dataclass(frozen=True, slots=True)
class House:
    """The rooms of one application, and the arrows between them."""

    name: str
    rooms: frozenset[str]
    arrows: frozenset[Arrow]

    def below(self, room: str) -> frozenset[str]:
        """All that *room* imports, at once or by way of others."""
        found: set[str] = set()
        left = [room]
        while left:
            last = left.pop()
            new = {low for top, low in self.arrows if top == last} - found
            found |= new
            left += new
        return frozenset(found)

    def circles(self) -> list[str]:
        return sorted(room for room in self.rooms if room in self.below(room))

    def floors(self) -> dict[str, int]:
        """The floor of each room, 0 for those that import no other."""
        below = {room: self.below(room) for room in self.rooms}
        floors: dict[str, int] = {}
        # Each after what is below it; nobody waits for a room of the same circle.
        for room in sorted(self.rooms, key=lambda one: len(below[one] | {one})):
            lower = [floors[one] for one in below[room] if room not in below[one]]
            floors[room] = max(lower, default=-1) + 1
        return floors

    def essential(self) -> list[Arrow]:
        """The arrows that no other way down makes superfluous."""
        straight = {
            room: {b for a, b in self.arrows if a == room} for room in self.rooms
        }
        return sorted(
            (top, low)
            for top, low in self.arrows
            if not any(low in self.below(one) for one in straight[top] - {low, top})
        )


def houses() -> list[House]:
    graph = grimp.build_graph(*APPS, cache_dir=None)
    return [_house(graph, name) for name in APPS]


def _house(graph: grimp.ImportGraph, name: str) -> House:
    modules = [one.split(".") for one in graph.modules if one.startswith(f"{name}.")]
    room_of = {".".join(one): one[1] for one in modules if "migrations" not in one}
    arrows = {
        (room, room_of[imported])
        for module, room in room_of.items()
        for imported in graph.find_modules_directly_imported_by(module)
        if room_of.get(imported, room) != room
    }
    return House(name, frozenset(room_of.values()), frozenset(arrows))


def longest(name: str) -> tuple[tuple[int, str], tuple[int, str]]:
    """The length and the name of the longest file and the longest function of *name*."""
    files = [
        one for one in (ROOT / name).rglob("*.py") if "migrations" not in one.parts
    ]
    file = max((len(one.read_text().splitlines()), _relative(one)) for one in files)
    return file, max(found for one in files for found in _functions(one))


def _functions(file: Path) -> Iterator[tuple[int, str]]:
    yield 0, ""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield lines, f"{_relative(file)}:{node.name}"


def _relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def report(found: Iterable[House]) -> Iterator[str]:
    yield f"{'':12}{'rooms':>6}{'floors':>8}{'arrows':>8}   longest file and function"
    for house in found:
        (lines, file), (most, function) = longest(house.name)
        floors = max(house.floors().values()) + 1
        counts = f"{len(house.rooms):6}{floors:8}{len(house.arrows):8}"
        yield f"{house.name:12}{counts}   {lines} {file}"
        yield f"{'':37}{most} {function}"
        if circles := house.circles():
            yield f"{'':37}in a circle: {', '.join(circles)}"


WIDTH, HEIGHT, ACROSS, DOWN = 124, 30, 136, 58  # of a box, and from box to box
A_ROW = 4  # boxes
STYLE = """
    svg { --page: #ffffff; --box: #f3f6fa; --line: #5b6b7f; --text: #1b2530 }
    @media (prefers-color-scheme: dark) {
      svg { --page: #11161c; --box: #1d2631; --line: #8b9bb0; --text: #e8edf3 }
    }
    .page { fill: var(--page) } .box { fill: var(--box); stroke: var(--line) }
    path { stroke: var(--line); fill: none; opacity: 0.7 } .tip { fill: var(--line) }
    text { font: 12px system-ui, sans-serif; fill: var(--text); text-anchor: middle }
    .name { font-weight: 600; font-size: 16px }
"""


def drawn(found: list[House]) -> str:
    parts: list[str] = []
    left, bottom = 16, 0
    for house in found:
        drawing, size = _drawn(house, left)
        parts += drawing
        left, bottom = left + A_ROW * ACROSS + 24, max(bottom, size)
    counts = "; ".join(f"{house.name}: {len(house.rooms)} rooms" for house in found)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left} {bottom}"'
            ' role="img" aria-labelledby="title text">',
            '  <title id="title">The packages of Holdfast and what imports what</title>',
            f'  <desc id="text">An arrow goes to what is imported. {counts}.</desc>',
            f"  <style>{STYLE}  </style>",
            '  <defs><marker id="tip" markerWidth="7" markerHeight="6" refX="6" refY="3"'
            ' orient="auto"><path class="tip" d="M0 0 7 3 0 6z"/></marker></defs>',
            f'  <rect class="page" width="{left}" height="{bottom}" rx="10"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _drawn(house: House, left: int) -> tuple[list[str], int]:
    """The parts of its drawing, and where that ends below."""
    floors = house.floors()
    places: dict[str, tuple[int, int]] = {}
    top = 60
    for floor in range(max(floors.values()), -1, -1):
        rooms = sorted(room for room in house.rooms if floors[room] == floor)
        for number, room in enumerate(rooms):
            row, place = divmod(number, A_ROW)
            shift = (A_ROW - min(len(rooms) - row * A_ROW, A_ROW)) * ACROSS // 2
            places[room] = left + shift + place * ACROSS, top + row * DOWN
        top += -(-len(rooms) // A_ROW) * DOWN
    middle = left + A_ROW * ACROSS // 2
    parts = [f'  <text class="name" x="{middle}" y="34">{house.name}</text>']
    for upper, lower in house.essential():
        (x, y), (to_x, to_y) = places[upper], places[lower]
        start, end = x + WIDTH // 2, to_x + WIDTH // 2
        line = (
            f"M{start} {y + HEIGHT}C{start} {y + DOWN} {end} {to_y - 24} {end} {to_y}"
        )
        parts.append(f'  <path d="{line}" marker-end="url(#tip)"/>')
    for room, (x, y) in sorted(places.items()):
        box = f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        text = f'<text x="{x + WIDTH // 2}" y="{y + 19}">{room}</text>'
        parts.append(f"  {box}{text}")
    return parts, top


def main(asked: list[str]) -> int:
    found = houses()
    if asked == ["--write"]:
        DRAWING.write_text(drawn(found))
    elif asked == ["--check"]:
        if not DRAWING.exists() or DRAWING.read_text() != drawn(found):
            sys.stderr.write("The drawing is stale: python -m docs.map --write\n")
            return 1
    else:
        sys.stdout.write("\n".join(report(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
