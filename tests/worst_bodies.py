"""Bodies of any length that cost too much wherever some work is not linear.

None is an event that can be processed.
"""

from collections.abc import Callable

import pytest

SIZES = (16_000, 64_000)
"""Characters; the second is four times the first, and the largest that is shown whole."""


def _event(data: str) -> str:
    return f'{{"type": "order_created", "data": {data}}}'


def _members(size: int, member: str = '"k{:07}":1') -> str:
    """An object of so many members."""
    number = size // (len(member.format(0)) + 1)
    return ",".join(member.format(one) for one in range(number))


def _nested(size: int) -> str:
    """Long names inside each other, and many of them at the bottom."""
    name, depth = "n" * (size // 60), 28
    bottom = _members(size // 2)
    return f'{{"{name}":' * depth + f"{{{bottom}}}" + "}" * depth


def _items(size: int) -> str:
    item = '{"sku":"?","quantity":-1,"unit_price":"1e9","x":1}'
    return f'{{"items":[{",".join([item] * (size // 51))}]}}'


WORST: dict[str, Callable[[int], str]] = {
    "letters": lambda n: "a" * n,
    "words": lambda n: "ab " * (n // 3),
    "lines": lambda n: "ab\n" * (n // 3),
    "digits": lambda n: "9" * n,
    "quotes": lambda n: "'\"" * (n // 2),
    "open quotes": lambda n: "b'" * (n // 2),
    "at signs": lambda n: "a@" * (n // 2),
    "addresses": lambda n: "a@b.co," * (n // 7),
    "almost an address": lambda n: "a." * (n // 2) + "@" + "b." * 3,
    "almost names": lambda n: '"name":"' * (n // 8),
    "brackets": lambda n: "[" * n,
    "objects in each other": lambda n: '{"a":' * (n // 5),
    "open string": lambda n: '{"type":"order_created","x":"' + '\\"' * (n // 2),
    "many members": lambda n: _event(f"{{{_members(n)}}}"),
    "members beside data": lambda n: (
        f'{{"type":"order_created","data":{{}},{_members(n)}}}'
    ),
    "a member twice": lambda n: _event(f'{{{_members(n)},"x":1,"x":2}}'),
    "empty names": lambda n: _event(
        f"{{{_members(n, chr(34) + '.' * 6 + '{:07}' + chr(34) + ':1')}}}"
    ),
    "a long name": lambda n: _event(f'{{"{"k" * n}":1}}'),
    "a long text": lambda n: _event(f'{{"customer_id":"{"k" * n}"}}'),
    "a long address": lambda n: _event(f'{{"email":"{"k" * n}@example.com"}}'),
    "an address of many parts": lambda n: _event(
        f'{{"email":"a@{"k." * (n // 2)}com"}}'
    ),
    "a long number": lambda n: _event(f'{{"total":{"9" * n}.0}}'),
    "a long exponent": lambda n: _event(f'{{"total":1e{"9" * n}}}'),
    "too many digits": lambda n: _event(f'{{"total":{"9" * n}}}'),
    "long whole numbers": lambda n: _event(
        f"[{','.join(['9' * 4_000] * (n // 4_001))}]"
    ),
    "many items": lambda n: _event(_items(n)),
    "items of nothing": lambda n: _event(f'{{"items":[{"0," * (n // 2)}0]}}'),
    "lists in a list": lambda n: _event("[" * 28 + "0," * (n // 2) + "0" + "]" * 28),
    "members in each other": lambda n: _event(_nested(n)),
    "escapes": lambda n: _event('{"name":"' + "\\u0041" * (n // 6) + '"}'),
    "halves": lambda n: _event('{"name":"' + "\\ud83d" * (n // 6) + '"}'),
    "marks": lambda n: _event('{"name":"a' + "\u0300" * (n // 2) + '"}'),
    "direction marks": lambda n: _event('{"name":"a' + "\u202e" * (n // 3) + '"}'),
    "a long type": lambda n: f'{{"type":"{"x" * n}","data":{{}}}}',
    "a long id": lambda n: f'{{"type":"order_created","id":"{"x" * n}","data":{{}}}}',
    "a long time": lambda n: (
        f'{{"type":"order_created","timestamp":"2026-11-20T{"0" * n}","data":{{}}}}'
    ),
    "a long CloudEvent": lambda n: (
        f'{{"specversion":"1.0","id":"1","source":"{"s" * (n // 2)}","type":"{"." * (n // 2)}","data":{{}}}}'
    ),
}

_FIRST = ("almost an address", "members in each other", "marks")
#: Others have their shape, and take much less time.
_LAST = ("items of nothing", "members beside data", "empty names", "lists in a list")


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name in _FIRST:
        return []
    return [pytest.mark.siege, *([pytest.mark.long] if name in _LAST else [])]


NAMES = [pytest.param(name, marks=_marks(name)) for name in WORST]
"""Their names: some of each kind, and the others where there is time."""
