"""Whoever may see personal data sees every text as it is."""

from typing import Any

import pytest

from dlq_review.bodies import difference, formatting
from dlq_review.search.veil import Bare
from processing.events.errors import Problem

ADA = "Ada of ada@example.com"
SHOWN: dict[str, tuple[tuple[Any, ...], Any]] = {
    "body": ((f'{{"name": "{ADA}"}}',), f'{{"name": "{ADA}"}}'),
    "text": ((ADA,), ADA),
    "error": ((ADA,), ADA),
    "reference": ((ADA,), ADA),
    "attributes": (([("who", ADA, "")],), [("who", ADA, "")]),
    "trace": ((ADA,), formatting.traceback(ADA)),
    "diff": ((ADA, "Eve"), difference.diff(ADA, "Eve")),
    "problem": ((Problem("data.name", ADA),), Problem("data.name", ADA)),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_text_is_shown_as_it_is(name: str) -> None:
    given, expected = SHOWN[name]
    assert getattr(Bare(), name)(*given) == expected


def test_every_way_to_show_is_tried() -> None:
    assert {name for name in vars(Bare) if not name.startswith("_")} == set(SHOWN)
