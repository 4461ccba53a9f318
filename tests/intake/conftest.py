from collections.abc import Iterator

import pytest
from django.core.cache import cache

from intake import memory


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """No test meets the rate limits or the replays of another."""
    cache.clear()
    memory.forget()
    yield
    cache.clear()
    memory.forget()
