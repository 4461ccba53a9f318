"""What the page of a group offers to its owner, and to somebody else."""

import re

import pytest
from django.test import Client

from dlq_review.models import FailureGroup
from tests.builders import dead_letter
from tests.dlq_review.desk_pages import GROUPS, html

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("owner", "state", "offered"),
    [
        ("", "open", "I take it"),
        ("ada", "acknowledged", ""),
        ("ada", "resolved", ""),
        ("ada", "regressed", "I take it"),
        ("bob", "acknowledged", "Take it over…"),
        ("bob", "resolved", "Take it over…"),
        ("bob", "regressed", "Take it over…"),
    ],
)
def test_a_group_is_taken_by_who_has_it_not_and_taken_again_when_it_came_back(
    desk: Client, owner: str, state: str, offered: str
) -> None:
    group = dead_letter().group_id
    FailureGroup.objects.update(owner=owner, state=state)
    text = html(desk, f"{GROUPS}{group}/change/")
    shown = re.findall(r'data-key="a"[^>]*>.*?</svg>([^<]+)<', text)
    assert shown == ([offered] if offered else [])
