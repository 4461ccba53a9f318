"""Count every effect in a table that forgives nothing, and let some effects fail.

The product's own tables have unique keys, so a second effect could hide behind them. The
row is written in the effect's transaction: it stays exactly when the effect does.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.boot.misbehave import after_registration

TABLE = "chaos_effect"
INSERT = f"INSERT INTO {TABLE} VALUES (%s)"  # noqa: S608
REFUSED = "The chaos run refuses {}."
CREATE = f"CREATE TABLE {TABLE} (request_id varchar(64) NOT NULL)"

Handlers = dict[str, Callable[[Any], Any]]


def install(flaky: float) -> None:
    """*flaky*: the share of effects that fail; one in four of them for good."""

    def watch(handlers: Handlers) -> None:
        from processing.handlers import registry

        for name, handle in handlers.items():
            handlers[name] = _watched(handle, flaky)
            if apply_many := registry.APPLY_MANY.get(handle):
                many_watched = _watched_many(apply_many, flaky)
                registry.applies_many(handlers[name])(many_watched)

    after_registration(watch)


def _watched(handle: Callable[[Any], Any], flaky: float) -> Callable[[Any], Any]:
    def watched(event: Any) -> Any:
        effect = handle(event)
        _note(event, flaky)
        return effect

    return watched


def _watched_many(
    apply_many: Callable[[Sequence[Any]], Any], flaky: float
) -> Callable[[Sequence[Any]], Any]:
    def watched(events: Sequence[Any]) -> Any:
        effects = apply_many(events)
        for event in events:
            _note(event, flaky)
        return effects

    return watched


def _note(event: Any, flaky: float) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(INSERT, [event.id])
    _fail_sometimes(event, flaky)


def _fail_sometimes(event: Any, flaky: float) -> None:
    from processing.handlers.effect import BusinessRuleError

    thrown = random.SystemRandom().random()  # forked children share any other
    if thrown < flaky / 4:
        raise BusinessRuleError(REFUSED.format(event.id))
    if thrown < flaky:
        raise ConnectionError("The chaos run lets this one fail.")
