"""Whatever a body holds, the desk's work on it grows with its length, and pages stay small."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client

from dlq_review import fields, freezing, patching
from dlq_review.freezing import Plan
from dlq_review.joining import join
from dlq_review.models import DeadLetter
from dlq_review.patching import PatchError
from dlq_review.previewing import preview
from dlq_review.selecting import Selection
from tests.builders import dead_letter, dead_message
from tests.growth import LINEAR, growth
from tests.worst_bodies import NAMES, SIZES, WORST

pytestmark = pytest.mark.django_db

LIST = "/admin/dlq_review/deadletter/"
LARGEST_PAGE = 1_500_000  # bytes
PATCH = patching.read('[{"op": "add", "path": "/note", "value": 1}]')
CONDITIONS = [
    fields.Condition.read(text)
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


def letters(name: str) -> dict[int, DeadLetter]:
    return {size: dead_letter(WORST[name](size)) for size in SIZES}


def check(work: Callable[[int], object], what: str) -> None:
    ratio = growth(work, SIZES[0])
    assert ratio < LINEAR, f"{what}: {ratio:.1f} times for 4 times as much"


@pytest.mark.parametrize("name", NAMES)
def test_no_body_costs_a_page_more_than_its_length(desk: Client, name: str) -> None:
    found = letters(name)
    for what, (path, sent) in PAGES.items():
        ask = desk.post if sent else desk.get

        def call(size: int, path: str = path, ask: Callable[[str], Any] = ask) -> None:
            answer = ask(f"{LIST}{found[size].pk}/{path}")
            assert answer.status_code == 200
            assert len(answer.content) < LARGEST_PAGE

        check(call, what)


@pytest.mark.parametrize("name", NAMES)
def test_no_body_costs_more_than_its_length_to_save(desk: Client, name: str) -> None:
    found = letters(name)

    def save(size: int) -> None:
        form = {"body": WORST[name](size)[:-2] + " }", "reason": "x", "based_on": 0}
        answer = desk.post(f"{LIST}{found[size].pk}/edit/", form)
        assert answer.status_code == 200
        assert len(answer.content) < LARGEST_PAGE

    check(save, "saved")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_no_body_costs_more_than_its_length_to_export(
    desk: Client, name: str, format: str
) -> None:
    found = letters(name)

    def export(size: int) -> None:
        answer = desk.post(f"{LIST}export/{format}/?q={found[size].request_id}")
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]

    check(export, "exported")


@pytest.mark.parametrize("name", NAMES)
def test_no_body_costs_more_than_its_length_to_pull(name: str) -> None:
    def pull(size: int) -> None:
        body = WORST[name](size)
        told = {
            "error_type": "X",
            "error_text": body,
            "failed_at": body,
            "release": body,
        }
        # Twice: a second arrival is compared with the first.
        for _ in "12":
            join(dead_message(body, attributes={"failure": json.dumps(told)}))

    check(pull, "pulled")


@pytest.mark.parametrize("name", NAMES)
def test_no_body_costs_more_than_its_length_to_ask_and_to_change(name: str) -> None:
    found = letters(name)
    bodies = {size: WORST[name](size) for size in SIZES}
    operations = {
        size: freezing.freeze(
            Selection(ids=[str(letter.pk)]), Plan("fix", PATCH), by="ada"
        )
        for size, letter in found.items()
    }

    def patch(size: int) -> None:
        with suppress(PatchError):
            patching.apply(PATCH, bodies[size])

    check(lambda size: fields.holds(CONDITIONS, bodies[size]), "asked")
    check(patch, "patched")
    check(lambda size: preview(operations[size]), "previewed")
    check(
        lambda size: Selection(ids=[str(found[size].pk)], fields=["data.x=1"]).matching(
            [found[size]]
        ),
        "chosen",
    )
