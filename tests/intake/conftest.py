from collections.abc import Iterator

import pytest
from django.core.cache import cache

from intake import shared_cache


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """No test meets the rate limits or the replays of another."""
    cache.clear()
    shared_cache.forget()
    yield
    cache.clear()
    shared_cache.forget()
