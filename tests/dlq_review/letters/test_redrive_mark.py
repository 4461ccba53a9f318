"""What the attribute `redrive` of a message says, and what it may not be taken for."""

import json
from typing import Any

import pytest

from dlq_review.letters.redrive_mark import redrive_of, redriven_from
from tests.builders import message


@pytest.mark.parametrize(
    ("told", "letter", "redrive"),
    [
        ({"dead_letter": 7, "redrive_id": "r-7"}, 7, "r-7"),
        ({"dead_letter": 2**63 - 1, "redrive_id": "r"}, 2**63 - 1, "r"),
        ({"dead_letter": 2**63, "redrive_id": "r"}, 0, "r"),
        ({"dead_letter": 0, "redrive_id": "r"}, 0, "r"),
        ({"dead_letter": -1, "redrive_id": "r"}, 0, "r"),
        ({"dead_letter": True, "redrive_id": "r"}, 0, "r"),
        ({"dead_letter": "7", "redrive_id": "r"}, 0, "r"),
        ({"dead_letter": 7, "redrive_id": 7}, 0, ""),
        ({"redrive_id": "r\0-7"}, 0, "r\ufffd-7"),
        ({}, 0, ""),
        ([], 0, ""),
    ],
)
def test_a_mark_names_a_letter_that_there_can_be_and_a_redrive(
    told: Any, letter: int, redrive: str
) -> None:
    marked = message("{}", attributes={"redrive": json.dumps(told)})
    assert (redriven_from(marked), redrive_of(marked)) == (letter, redrive)


def test_a_message_without_a_mark_was_not_redriven() -> None:
    assert (redriven_from(message("{}")), redrive_of(message("{}"))) == (0, "")
