"""The registry of handlers by event type.

The worker processes the events of one type in one bundle together, in one transaction (a
set; `delivery/sets.py`). A handler may offer a function for a whole set, which needs a few
statements in place of a few for each event.
"""

import pkgutil
from collections.abc import Callable, Sequence
from importlib import import_module

from processing import handlers
from processing.events.contract import Contract
from processing.events.envelope import Event
from processing.handlers.effect import Effect

Handler = Callable[[Event], Effect]
SetHandler = Callable[[Sequence[Event]], Sequence[Effect]]
HANDLERS: dict[str, Handler] = {}
#: Types whose effect lies outside the database, where a rollback does not undo it.
ALONE: set[str] = set()
APPLY_MANY: dict[Handler, SetHandler] = {}


def handles(
    contract: type[Contract], *, alone: bool = False
) -> Callable[[Handler], Handler]:
    """Register the function below it for events of *contract*.

    *alone* keeps them out of sets. It is for an effect outside the database, such as mail.
    """

    def register(handler: Handler) -> Handler:
        HANDLERS[contract.type] = handler
        if alone:
            ALONE.add(contract.type)
        return handler

    return register


def applies_many(handler: Handler) -> Callable[[SetHandler], SetHandler]:
    """Register the function below it for sets of the events of *handler*.

    It returns an effect for each event, in their order. No two events of a set have the
    same reference (an order id, an address), and they come in its order: rows that are
    written in this order never lead to a deadlock of two workers. An error of any kind
    rolls the set back, and *handler* then gets each event alone. So it may raise where
    *handler* would do something special.
    """

    def register(apply_many: SetHandler) -> SetHandler:
        APPLY_MANY[handler] = apply_many
        return apply_many

    return register


def apply_set(events: Sequence[Event]) -> Sequence[Effect]:
    """Let *events*, all of one type, take effect, in the transaction of the caller."""
    handler = HANDLERS[events[0].type]
    if (apply_many := APPLY_MANY.get(handler)) is not None:
        return apply_many(events)
    return [handler(event) for event in events]


def register_all() -> None:
    """Import each module of this package, whose handlers then register themselves."""
    for module in pkgutil.iter_modules(handlers.__path__, f"{handlers.__name__}."):
        import_module(module.name)
