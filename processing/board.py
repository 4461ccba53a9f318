"""Counters that the processes of a pool share: no file, no server, no dependency.

One anonymous mapping is made before the fork, so this module must be imported there:
Celery's worker does it, and the web server (intake/web). Each process writes a row of its own, so a
count needs no lock between processes, and a process that is killed takes no count with it.
Whoever shows the counts adds up the rows. A replacement gets the row of the dead process
and goes on.

The columns of a row are given out as metrics are declared, which processes do after the
fork of the web server. So each row bears a mark of the columns that its writer knows: the rows of
another release are not added up, and are wiped before they are used again.
"""

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import product
from zlib import crc32

ROWS = 1024  # processes of one pool; only those that exist take memory
COLUMNS = 4096
#: Upper bounds of a histogram's buckets, in ms. Above the last one there is one more.
BOUNDS = tuple(
    number * power
    for power in (1, 10, 100, 1_000, 10_000, 100_000)
    for number in (1, 2, 5)
)

_cells = memoryview(mmap.mmap(-1, (ROWS + ROWS * COLUMNS) * 8)).cast("q")
_lock = threading.Lock()
_declared: list["Metric"] = []
_row = 0
_start = ROWS  # of the own row; the marks of all rows stand before the first


class Full(Exception):  # noqa: N818
    """The metrics need more columns than a row has. Raise COLUMNS."""


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # a thread of the parent may hold the other one


os.register_at_fork(after_in_child=_after_fork)


def own(row: int) -> None:
    """Write into *row* from now on. Call it at the start of a process of a pool.

    Where no metric is declared yet, in a process of the web server, `settle` follows later.
    """
    global _row, _start
    _row = row % ROWS
    _start = ROWS + _row * COLUMNS
    if _declared:
        settle()


def settle() -> None:
    """Begin with the counts of the own row, or with none if they have other columns."""
    mark = _mark()
    if _cells[_row] != mark:
        _cells[_start : _start + COLUMNS] = memoryview(bytes(8 * COLUMNS)).cast("q")
        _cells[_row] = mark


def free_row(taken: Iterable[int]) -> int:
    """The first row that is not *taken* by a living process; row 0 is the parent's."""
    used = set(taken)
    return next(row for row in range(1, ROWS) if row not in used)


def _mark() -> int:
    return crc32(repr([(one.name, one.labels) for one in _declared]).encode()) or 1


def _rows() -> Iterator[int]:
    """Where each row starts that has the columns of this process."""
    mark = _cells[_row]
    for row in range(ROWS):
        if _cells[row] == mark:
            yield ROWS + row * COLUMNS


class Metric:
    """Columns for each combination of the values of *labels*, which are closed sets."""

    kind = ""

    def __init__(
        self, name: str, meaning: str, width: int = 1, **labels: Iterable[str]
    ) -> None:
        """Raises Full."""
        self.name = name
        self.meaning = meaning
        self.labels = {name: tuple(values) for name, values in labels.items()}
        self._width = width
        first: int = _declared[-1]._end if _declared else 0
        combinations = list(product(*self.labels.values()))
        self._end: int = first + width * len(combinations)
        if self._end > COLUMNS:
            raise Full(Full.__doc__)
        self._places = {
            values: first + width * number for number, values in enumerate(combinations)
        }
        _declared.append(self)

    def _columns(self) -> Iterator[tuple[tuple[str, ...], list[list[int]]]]:
        """The label values, and the columns of each row."""
        rows = list(_rows())
        for values, place in self._places.items():
            starts = [row + place for row in rows]
            yield values, [list(_cells[at : at + self._width]) for at in starts]


class Counter(Metric):
    kind = "counter"

    def count(self, *values: str, number: int = 1) -> None:
        place = _start + self._places[values]
        with _lock:
            _cells[place] += number

    def totals(self) -> dict[tuple[str, ...], int]:
        return {values: sum(row[0] for row in rows) for values, rows in self._columns()}


class Histogram(Metric):
    """How long something took: for each bucket, how often, and how long together."""

    kind = "histogram"

    def __init__(self, name: str, meaning: str, **labels: Iterable[str]) -> None:
        super().__init__(name, meaning, 2 * (len(BOUNDS) + 1), **labels)

    def observe(self, ms: int, *values: str) -> None:
        place = _start + self._places[values] + 2 * bisect_left(BOUNDS, ms)
        with _lock:
            _cells[place] += 1
            _cells[place + 1] += ms

    def totals(self) -> dict[tuple[str, ...], list[tuple[int, int]]]:
        """A list of buckets: the number, and the sum in ms."""
        return {
            values: [
                (sum(row[at] for row in rows), sum(row[at + 1] for row in rows))
                for at in range(0, self._width, 2)
            ]
            for values, rows in self._columns()
        }


class Latest(Metric):
    """The largest number that was noted. It is not shown."""

    def note(self, number: int, *values: str) -> None:
        place = _start + self._places[values]
        with _lock:
            _cells[place] = max(_cells[place], number)

    def totals(self) -> dict[tuple[str, ...], int]:
        return {
            values: max((row[0] for row in rows), default=0)
            for values, rows in self._columns()
        }
