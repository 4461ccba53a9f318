"""Whatever a body holds, the desk's work on it grows with its length, and pages stay small."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client

from dlq_review.bodies import field_conditions, json_patch
from dlq_review.bodies.json_patch import PatchError
from dlq_review.facets import card
from dlq_review.models import DeadLetter
from dlq_review.operations import plans
from dlq_review.operations.edit_preview import preview
from dlq_review.operations.plans import Plan
from dlq_review.pull.arrivals import join
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, dead_message
from tests.dlq_review.conftest import ClientOf
from tests.growth import LINEAR, growth
from tests.worst_bodies import NAMES, SIZES, WORST

pytestmark = pytest.mark.django_db

Work = Callable[[int], object]
LIST = "/admin/dlq_review/deadletter/"
LARGEST_PAGE = 1_500_000  # bytes
PATCH = json_patch.read('[{"op": "add", "path": "/note", "value": 1}]')
CONDITIONS = [
    field_conditions.Condition.read(text)
    for text in (
        "data.items[*].sku=x",
        "data[*]~x",
        "data.total>7",
        "!data.a",
        "type~x",
    )
]
#: What staff open and press, by name: an address below the letter's, and whether it is sent.
PAGES = {
    "its page": ("change/", False),
    "revealed": ("reveal/", True),
    "rehearsed": ("rehearse/", True),
    "edited": ("edit/", False),
    "downloaded": ("body/0/", True),
}


@pytest.fixture
def reader(client_of: ClientOf) -> Client:
    """Whoever sees and exports what is masked."""
    return client_of("view", "export", name="eve")


@pytest.mark.parametrize("name", NAMES)
def test_no_body_costs_the_desk_more_than_its_length(
    desk: Client, reader: Client, name: str
) -> None:
    bodies = {size: WORST[name](size) for size in SIZES}
    for what, work in works(desk, reader, bodies).items():
        ratio = growth(work, SIZES[0])
        assert ratio < LINEAR, f"{what}: {ratio:.1f} times for 4 times as much"


def works(desk: Client, reader: Client, bodies: dict[int, str]) -> dict[str, Work]:
    """All that is done to a letter with one of *bodies*, which are told by their sizes."""
    letters = {size: dead_letter(body) for size, body in bodies.items()}
    return {
        **{what: _page(desk, letters, *page) for what, page in PAGES.items()},
        "saved": _save(desk, letters, bodies),
        "as csv": _export(reader, letters, "csv"),
        "as jsonl": _export(reader, letters, "jsonl"),
        "pulled": lambda size: pull(bodies[size]),
        "pulled again": lambda size: pull(bodies[size], request_id=f"again-{size}"),
        "compared": lambda size: card.look([letters[size]]),
        "asked": lambda size: field_conditions.holds(CONDITIONS, bodies[size]),
        "chosen": lambda size: _choose(letters[size]),
        "patched": lambda size: _patch(bodies[size]),
        "previewed": _preview(letters),
    }


def _page(
    desk: Client, letters: dict[int, DeadLetter], path: str, sent: bool
) -> Callable[[int], None]:
    ask: Callable[[str], Any] = desk.post if sent else desk.get

    def call(size: int) -> None:
        answer = ask(f"{LIST}{letters[size].pk}/{path}")
        assert answer.status_code == 200
        assert path.startswith("body") or len(answer.content) < LARGEST_PAGE

    return call


def _save(desk: Client, letters: dict[int, DeadLetter], bodies: dict[int, str]) -> Work:
    def save(size: int) -> None:
        form = {"body": bodies[size][:-2] + " }", "reason": "x", "based_on": 0}
        answer = desk.post(f"{LIST}{letters[size].pk}/edit/", form)
        assert answer.status_code == 200
        # What was typed is kept, with each quote as &quot;.
        assert len(answer.content) < LARGEST_PAGE + 6 * size

    return save


def _export(reader: Client, letters: dict[int, DeadLetter], format: str) -> Work:
    def export(size: int) -> None:
        answer: Any = reader.post(
            f"{LIST}export/{format}/?q={letters[size].request_id}"
        )
        assert letters[size].request_id in b"".join(answer.streaming_content).decode()

    return export


def pull(body: str, **told: str) -> None:
    """Into a letter of its own, or into that of the request that is *told*."""
    told |= {"error_type": "X", "error_text": body, "failed_at": body, "release": body}
    join(dead_message(body, attributes={"failure": json.dumps(told)}))


def _choose(letter: DeadLetter) -> object:
    return Selection(ids=[str(letter.pk)], fields=["data.x=1"]).matching([letter])


def _patch(body: str) -> None:
    with suppress(PatchError):
        json_patch.apply(PATCH, body)


def _preview(letters: dict[int, DeadLetter]) -> Work:
    operations = {
        size: plans.freeze(
            Selection(ids=[str(letter.pk)]), Plan("fix", PATCH), by="ada"
        )
        for size, letter in letters.items()
    }
    return lambda size: preview(operations[size])
