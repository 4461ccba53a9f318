"""The registry of handlers by event type."""

import pkgutil
from collections.abc import Callable
from importlib import import_module

from processing import handlers
from processing.events.contract import Contract
from processing.events.envelope import Event
from processing.handlers.effect import Effect

Handler = Callable[[Event], Effect]
HANDLERS: dict[str, Handler] = {}


def handles(contract: type[Contract]) -> Callable[[Handler], Handler]:
    """Register the function below it for events of *contract*."""

    def register(handler: Handler) -> Handler:
        HANDLERS[contract.type] = handler
        return handler

    return register


def register_all() -> None:
    """Import each module of this package, whose handlers then register themselves."""
    for module in pkgutil.iter_modules(handlers.__path__, f"{handlers.__name__}."):
        import_module(module.name)
