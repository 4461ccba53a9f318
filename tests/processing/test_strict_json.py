import time

import pytest

from processing.strict_json import UnreadableJSONError, loads


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": [1, 2.5, "x", null, true]}',
        '"{[{["',
        '{"__type__": "x", "__value__": 1}',
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
        "\ufeff{}",
        "NaN",
        "[Infinity]",
        '{"a": 1, "a": 1}',
        "9" * 4301,
        "[" * 33 + "]" * 33,
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


def test_a_megabyte_of_quotes_takes_no_longer_than_a_megabyte_of_text() -> None:
    def seconds(text: str) -> float:
        start = time.perf_counter()
        with pytest.raises(UnreadableJSONError):
            loads(text)
        return time.perf_counter() - start

    plain = seconds('"' + "a" * 1_000_000)
    assert seconds('"' + '\\"' * 500_000) < 100 * plain + 1
