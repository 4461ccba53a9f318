"""What the parts of pages say in states that are rare: at limits, of many, without anything.

They are filled by hand: to make each of them by letters would take a test of minutes.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.template import Context
from django.template.backends.django import Template
from django.template.loader import get_template
from django.template.loader_tags import BlockNode

from tests.dlq_review.desk.letters_and_groups import NOW
from tests.dlq_review.desk.parts_of_lists import Part, parts_of_lists
from tests.dlq_review.desk.parts_of_overview import parts_of_overview
from tests.dlq_review.desk.parts_of_pages import parts_of_pages
from tests.kept_texts import assert_kept

_PLACES = {
    "lists": parts_of_lists,
    "overview": parts_of_overview,
    "pages": parts_of_pages,
}


def shown(part: Part) -> str:
    """The block of a template, or all of it, as *part* fills it."""
    name, block, filled = part
    found = get_template(name)
    assert isinstance(found, Template)
    template, nodes = found.template, found.template.nodelist
    if block:
        blocks: list[Any] = nodes.get_nodes_by_type(BlockNode)
        (nodes,) = [one.nodelist for one in blocks if one.name == block]
    context = Context({"csrf_token": "...", **filled})
    with context.render_context.push_state(template), context.bind_template(template):
        html = str(nodes.render(context))
    html = re.sub(r"x{99,}", lambda many: f"({len(many[0])} times x)", html)
    parts = re.sub(r"(?=<(?:li|p|button|td|th|dt|input|option)\b)", "\n", html)
    return "\n".join(one.strip() for one in parts.split("\n") if one.strip())


@pytest.mark.parametrize("place", _PLACES)
def test_each_part_says_what_it_is_meant_to(place: str) -> None:
    with time_machine.travel(NOW, tick=False):
        found = [
            f"== {name}\n{shown(part)}\n" for name, part in _PLACES[place]().items()
        ]
    kept = Path(__file__).with_name("said") / f"parts_of_{place}.txt"
    assert_kept("\n".join(found), kept)
