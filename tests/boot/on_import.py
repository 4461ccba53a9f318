"""Change a module at the end of its import, before anybody has taken a name from it."""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

Change = Callable[[ModuleType], None]
_changes: dict[str, list[Change]] = defaultdict(list)


def after_import(module: str, change: Change) -> None:
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _changes[module].append(change)


def replace(target: str, new: Callable[[Any], Any]) -> None:
    """Put what *new* makes of it in the place of *target*, as `processing.sqs.publisher:publish`."""
    module, _, name = target.partition(":")
    *path, last = name.split(".")

    def change(imported: ModuleType) -> None:
        owner = imported
        for part in path:
            owner = getattr(owner, part)
        old = getattr(owner, last)
        setattr(owner, last, new(old))
        _register(old, getattr(owner, last))

    after_import(module, change)


def _register(old: object, new: Any) -> None:
    """A handler has registered itself already, as it was before."""
    registry = sys.modules.get("processing.handlers.registry")
    for registered in (registry.HANDLERS, registry.APPLY_MANY) if registry else ():
        for key, handler in registered.items():
            if handler is old:
                registered[key] = new


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in _changes:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, inner: Loader) -> None:
        self.inner = inner

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.inner.exec_module(module)
        for change in _changes[module.__name__]:
            change(module)
