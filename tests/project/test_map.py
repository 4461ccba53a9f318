"""The map of the code counts rooms, floors and arrows, and knows a circle."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from docs import map as plan


def house(*arrows: str, alone: str = "") -> Any:
    pairs = frozenset((one[0], one[1]) for one in arrows)
    rooms = frozenset(alone).union(*pairs)
    return plan.House("app", rooms, pairs)


def test_a_room_is_one_floor_above_the_highest_that_it_imports() -> None:
    floors = house("ab", "bc", "ac", alone="d").floors()
    assert floors == {"a": 2, "b": 1, "c": 0, "d": 0}


def test_rooms_in_a_circle_are_named_and_share_a_floor() -> None:
    found = house("ab", "bc", "cb", "cd")
    assert found.circles() == ["b", "c"]
    assert found.floors() == {"a": 2, "b": 1, "c": 1, "d": 0}


def test_an_arrow_beside_a_longer_way_down_is_not_drawn() -> None:
    found = house("ab", "bc", "ac")
    assert found.essential() == [("a", "b"), ("b", "c")]


def test_every_room_of_every_application_is_drawn() -> None:
    found = plan.houses()
    tree = ElementTree.fromstring(plan.drawn(found))  # noqa: S314 - our own
    texts = [one.text or "" for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(texts) == sorted(
        [name for one in found for name in (one.name, *one.rooms)]
    )
    assert {"dlq_review", "intake", "processing", "models", "admin"} <= set(texts)


def test_a_drawing_of_other_imports_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "DRAWING", tmp_path / "drawn.svg")
    monkeypatch.setattr(plan, "houses", lambda: [house("ab")])
    assert plan.main(["--check"]) == 1
    assert plan.main(["--write"]) == 0
    assert plan.main(["--check"]) == 0
    monkeypatch.setattr(plan, "houses", lambda: [house("ba")])
    assert plan.main(["--check"]) == 1


def test_the_figures_name_each_application(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main([]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "rooms",
        "floors",
        "arrows",
        "longest",
        "file",
        "and",
        "function",
    ]
    assert {line.split()[0] for line in lines} >= {"dlq_review", "intake", "processing"}
