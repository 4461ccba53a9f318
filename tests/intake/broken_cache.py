from typing import Any, NoReturn

from django.core.cache.backends.base import BaseCache


class BrokenCache(BaseCache):
    """A cache server that is away."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, *_: Any, **__: Any) -> NoReturn:
        raise ConnectionError("no cache")

    get = set = incr = delete = add

    def clear(self) -> None:
        pass
