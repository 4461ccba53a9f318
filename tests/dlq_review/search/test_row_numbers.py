import pytest

from dlq_review.search.row_numbers import row_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("0", 0),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, 0),  # the database has no such number
        ("", 0),
        ("-7", 0),
        ("7.0", 0),
        (" 7", 0),
        ("\N{SUPERSCRIPT TWO}", 0),
        ("x", 0),
    ],
)
def test_a_text_is_a_number_that_a_row_may_have_or_0(text: str, number: int) -> None:
    assert row_number(text) == number
