from collections.abc import Callable

import pytest

from processing.events.strict_json import UnreadableJSONError, loads, tokens
from tests.growth import LINEAR, growth


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": [1, 2.5, "x", null, true]}',
        '"{[{["',
        '{"__type__": "x", "__value__": 1}',
        "\ufeff{}",
        "[" * 31 + "[], " * 40 + "{}" + "]" * 31,
    ],
)
def test_json_that_every_parser_reads_alike_is_read(text: str) -> None:
    assert loads(text) == loads(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{} x",
        "\ufeff",
        "\ufeff\ufeff{}",
        " \ufeff{}",
        "{\ufeff}",
        b"\xff\xfe{\x00}\x00\xff",
        "NaN",
        "[Infinity]",
        '{"a": 1, "a": 1}',
        "9" * 4301,
        "[" * 33 + "]" * 33,
        "[[]," + "[" * 32 + "]" * 33,
        "[" * 100_000,
        '{"a":' * 50_000,
        '"' + "\\",
        b"\xff\xfe{\x00}\x00",
        b"\x1f\x8b\x08\x00",
        b"\xed\xa0\x80",
    ],
)
def test_anything_else_is_refused_with_one_error(text: str | bytes) -> None:
    with pytest.raises(UnreadableJSONError):
        loads(text)


def test_the_key_that_stands_twice_is_named() -> None:
    with pytest.raises(UnreadableJSONError, match="'b' stands twice"):
        loads('{"a": 1, "b": 2, "c": {}, "b": 3}')


@pytest.mark.parametrize(
    "make",
    [
        lambda n: '"' + '\\"' * (n // 2),
        lambda n: (
            "{" + ",".join(f'"{i:07}":1' for i in range(n // 12)) + ',"x":1,"x":1}'
        ),
        lambda n: "{" + ",".join(f'"{i:07}":1' for i in range(n // 12)) + "}",
        lambda n: '{"a":1,' + '"b":1,' * (n // 6) + '"c":1}',
        lambda n: "[" * n,
        lambda n: "[],{}," * (n // 6),
        lambda n: "[" + "9" * n + ".0]",
        lambda n: "[1e" + "9" * n + "]",
        lambda n: "[" + ",".join(["9" * 4_000] * (n // 4_001)) + "]",
        lambda n: "\n" * n + "x",
        lambda n: '["' + "\\u0041" * (n // 6) + '"]',
    ],
)
def test_reading_costs_as_much_more_as_the_text_is_longer(
    make: Callable[[int], str],
) -> None:
    texts = {size: make(size) for size in (60_000, 240_000)}

    def read(size: int) -> None:
        try:
            loads(texts[size])
        except UnreadableJSONError:
            pass
        else:
            assert sum(map(len, tokens(texts[size]))) <= size + 100

    assert growth(read, 60_000) < LINEAR
