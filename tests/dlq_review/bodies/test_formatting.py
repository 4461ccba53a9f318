"""What a page shows of a stored traceback, and of characters that turn the writing."""

import unicodedata

import pytest

from dlq_review.bodies import formatting

TEXT = """Traceback (most recent call last):
  File "/srv/processing/handlers/orders.py", line 7, in create
    order = find(
        one.order_id
    )
    ^^^^^^^^^^^^
  File "/srv/.venv/lib/python3.11/site-packages/django/db.py", line 8, in find
    raise Error
Error: no order"""


def test_a_traceback_is_shown_by_its_frames_and_its_error() -> None:
    found = formatting.traceback(TEXT)
    assert [(one.where, one.ours, one.code) for one in found.frames] == [
        (
            "handlers/orders.py:7 in create",
            True,
            ["order = find(", "one.order_id", ")"],
        ),
        ("django/db.py:8 in find", False, ["raise Error"]),
    ]
    assert found.error == "Error: no order"
    for path in ("/usr/lib/python3.11/json/decoder.py", "/a/site-packages/b.py"):
        (frame,) = formatting.traceback(f'  File "{path}", line 1, in x').frames
        assert not frame.ours, path


UNDERLINED = """    before any frame
Traceback (most recent call last):
  File "/srv/a/b.py", line 7, in create
    order = find(one)
            ~~~~^^^^^
ValueError: of
    two lines"""


def test_lines_that_are_no_code_are_no_part_of_a_frame() -> None:
    found = formatting.traceback(UNDERLINED)
    assert [one.code for one in found.frames] == [["order = find(one)", "two lines"]]
    assert found.error == "before any frame\nValueError: of"


TURNING = [  # what Unicode says of each character
    chr(code)
    for code in range(0x10000)
    if unicodedata.bidirectional(chr(code))
    in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
]


def test_each_character_that_turns_the_direction_of_writing_is_spelled_out() -> None:
    assert len(TURNING) == 9
    for one in (*TURNING, "\u061c", "\u200e", "\u200f", "\ud800", "\udfff"):
        assert formatting.visible(f"a{one}b") == f"a\\u{ord(one):04x}b"
    others = "é\u061b\u200d\u2010\u2029\u202f\u2065\u206a\ud7ff\ue000"
    assert formatting.visible(others) == others


@pytest.mark.parametrize("more", [0, 1])
def test_of_a_body_the_page_shows_so_many_characters_and_says_if_there_are_more(
    more: int,
) -> None:
    most = formatting.LONGEST_SHOWN
    for body in ("x" * (most + more), f'["{"x" * (most + more - 8)}"]'):
        text, cut = formatting.shown(body)
        assert (len(text), cut) == (most, bool(more))


def test_a_text_for_a_terminal_has_one_line_and_no_codes() -> None:
    assert formatting.one_line("é a\nb\x1b[31m\r\tc") == "é a·b·[31m··c"
