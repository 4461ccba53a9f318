"""A system of real processes, for each test a new one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.live import LiveSystem, live_system


@pytest.fixture
def system(tmp_path: Path, settings: Settings) -> Iterator[LiveSystem]:
    with live_system(tmp_path, settings) as running:
        yield running
