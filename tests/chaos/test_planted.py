from importlib import import_module
from operator import attrgetter

import pytest

from tests.boot.crash import POINTS
from tests.boot.defects import DEFECTS
from tests.chaos.planted import WITNESSES, _witnesses


def test_it_is_said_of_every_defect_what_catches_it() -> None:
    assert DEFECTS.keys() == WITNESSES.keys()
    assert all(_witnesses(name, seed=1) for name in WITNESSES)


@pytest.mark.parametrize("point", POINTS)
def test_every_crash_point_names_a_function_of_the_product(point: str) -> None:
    when, target = point.split()
    module, _, name = target.partition(":")
    assert when in ("before", "after")
    assert callable(attrgetter(name)(import_module(module)))
