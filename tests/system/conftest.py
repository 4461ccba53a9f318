"""A system of real processes, for each test a new one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from tests.database_proxy import DatabaseProxy
from tests.live import LiveSystem, live_system


@pytest.fixture
def database() -> Iterator[DatabaseProxy]:
    """Stands before the test database, for the processes that go `through` it."""
    found = connection.settings_dict
    proxy = DatabaseProxy(found["HOST"], int(found["PORT"] or 5432))
    yield proxy
    proxy.stop()


@pytest.fixture
def system(tmp_path: Path, settings: Settings) -> Iterator[LiveSystem]:
    with live_system(tmp_path, settings) as running:
        yield running
