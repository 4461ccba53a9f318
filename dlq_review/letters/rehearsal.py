"""A dry run: the handler processes a letter in a transaction that is always rolled back.

Nothing leaves the process: follow-ups are listed, and a mail is composed but not sent. The
rows that the handler would write are read from its SQL statements. Personal data is masked,
as on every page.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from dlq_review.bodies import formatting
from dlq_review.letters import current_event
from dlq_review.letters.timeline import STALE
from dlq_review.models import DeadLetter
from dlq_review.search.veil import Masked
from processing.delivery.error_texts import text_of, traceback_of
from processing.events.envelope import Event
from processing.handlers import emails
from processing.handlers.effect import Effect
from processing.handlers.registry import HANDLERS
from processing.models import Outcome

_WRITES = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
_DONE = {"INSERT INTO": "added", "UPDATE": "changed", "DELETE FROM": "deleted"}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The result of a dry run; `error` is empty if the event would be processed."""

    letter: DeadLetter
    rows: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    follow_ups: list[str] = field(default_factory=list)
    note: str = ""
    error: str = ""
    trace: formatting.Traceback | None = None

    @property
    def results(self) -> list[str]:
        """What it would write, make and send, in words."""
        made = [f"{name} {value}" for name, value in self.made.items()]
        return [*self.rows, *made, *(f"then {one}" for one in self.follow_ups)]


class _RollBack(Exception):  # noqa: N818 - not an error: it ends every rehearsal
    pass


def rehearse(letter: DeadLetter) -> Rehearsal:
    """Show what processing the current revision would do. Changes and sends nothing."""
    body = current_event.current(letter).body
    try:
        event = current_event.event_in(letter, body)
    except current_event.NotAnEventError as error:
        return Rehearsal(letter, error=str(error))
    if current_event.processed(letter).done:
        note = "The request was processed already, so a worker would do nothing."
        return Rehearsal(letter, note=note)
    look = Masked([body])
    written: Counter[tuple[str, str]] = Counter()
    try:
        effect = _undone(event, written)
    except Exception as error:  # any error that a worker would meet
        return Rehearsal(
            letter,
            error=look.error(f"{type(error).__name__}: {text_of(error)}"),
            trace=look.trace(traceback_of(error)),
        )
    return _result(letter, effect, written, look)


def _result(
    letter: DeadLetter, effect: Effect, written: Counter[tuple[str, str]], look: Masked
) -> Rehearsal:
    return Rehearsal(
        letter,
        rows=[
            f"{count} {_name(table, count)} {done}"
            for (table, done), count in written.items()
            if count
        ],
        made={name: look.text(value) for name, value in effect.made.items()},
        note=STALE if effect.made.get("status") == Outcome.STALE else "",
        follow_ups=[
            look.text(f"{one.type} for {one.data.reference}")
            for one in effect.follow_ups
        ],
    )


def _undone(event: Event, written: Counter[tuple[str, str]]) -> Effect:
    handler = {**HANDLERS, "email_requested": _compose}[event.type]
    effect = Effect()

    def spy(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        result = execute(sql, params, many, context)
        found = _WRITES.match(sql)
        if found:
            done = _DONE[found[1].upper()]
            rows = max(context["cursor"].rowcount, 0)
            if (
                done == "added" and not rows
            ):  # SQLite reports no row count for statements that return ids
                rows = sql.count("), (") + 1
            written[found[2], done] += rows
        return result

    try:
        with transaction.atomic(), connection.execute_wrapper(spy):
            effect = handler(event)
            raise _RollBack
    except _RollBack:
        return effect


def _compose(event: Event) -> Effect:
    mail = emails.compose(event)
    return Effect({"mail": f"to {', '.join(mail.to)}: {mail.subject}"})


def _name(table: str, count: int) -> str:
    for model in apps.get_models():
        if model._meta.db_table == table:
            names = model._meta.verbose_name, model._meta.verbose_name_plural
            return str(names[count != 1])
    return table
