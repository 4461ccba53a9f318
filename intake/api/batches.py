"""Batches: many events in one request. Each is accepted or refused by itself."""

from dataclasses import dataclass
from typing import Any

from intake import idempotent_replays, rate_limits, request_ids
from intake.accept import accept_many, prepare
from intake.api.schemas import MOST_EVENTS
from intake.idempotent_replays import KeyReusedError
from intake.keys.callers import OutOfScopeError, check_scope
from intake.keys.known_keys import Caller
from intake.rate_limits import RateLimitedError
from intake.request_ids import BadKeyError
from processing.events.contracts import ACCEPTED_FROM_ANYONE, SignupRequested
from processing.events.envelope import Event
from processing.events.errors import InvalidEventError, Problem

Result = Event | Exception


class KeyTwiceError(ValueError):
    """This key stands twice in the batch, for different requests. Give each its own."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of a batch: its address for rate limits, and its key."""

    client: str
    caller: Caller | None = None


def accept(body: dict[str, Any], correlation_id: str, sender: Sender) -> list[Result]:
    """One result an event, in order. Raises InvalidEventError when it is not a batch."""
    items = body.get("events")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_EVENTS:
        sentence = f"Give a list of 1 to {MOST_EVENTS} events."
        raise InvalidEventError([Problem("events", sentence)])
    if len(body) > 1:
        raise InvalidEventError([Problem("", 'Give "events" and nothing beside it.')])
    results = [
        _prepared(number, item, correlation_id, sender)
        for number, item in enumerate(items)
    ]
    _refuse_keys_used_twice(results)
    good = [number for number, found in enumerate(results) if isinstance(found, Event)]
    events = [found for found in results if isinstance(found, Event)]
    for number, event, refusal in zip(good, events, accept_many(events), strict=True):
        if refusal is None:
            idempotent_replays.remember(event)
        else:
            results[number] = refusal
    return results


def _prepared(number: int, item: Any, correlation_id: str, sender: Sender) -> Result:
    try:
        event = _event(item, sender.caller)
        is_new = idempotent_replays.first_accepted_at(event) is None
        if is_new and isinstance(event.data, SignupRequested):
            rate_limits.spend(rate_limits.signups(), sender.client)
    except InvalidEventError as error:
        return error.under("events", number)
    except (BadKeyError, KeyReusedError, OutOfScopeError, RateLimitedError) as error:
        return error
    return event.model_copy(update={"correlation_id": correlation_id})


def _event(item: Any, caller: Caller | None) -> Event:
    if not isinstance(item, dict) or not isinstance(item.get("data"), dict):
        raise InvalidEventError('Write an event as {"type": ..., "data": {...}}.')
    if unknown := set(item) - {"type", "data", "key"}:
        sentence = "There is no such field; remove it."
        raise InvalidEventError([Problem.at((min(unknown),), sentence)])
    type = item.get("type")
    if not isinstance(type, str) or type not in ACCEPTED_FROM_ANYONE:
        raise InvalidEventError(
            [Problem("type", f"Choose one of {', '.join(ACCEPTED_FROM_ANYONE)}.")]
        )
    contract = ACCEPTED_FROM_ANYONE[type]
    check_scope(caller, contract.type)
    request_id = request_ids.from_key(contract, item["data"], item.get("key"))
    try:
        return prepare(contract, item["data"], request_id)
    except InvalidEventError as error:
        raise error.under("data") from None


def _refuse_keys_used_twice(results: list[Result]) -> None:
    seen: dict[str, str] = {}
    for number, event in enumerate(results):
        if isinstance(event, Event):
            first = seen.setdefault(event.id, event.fingerprint)
            if first != event.fingerprint:
                results[number] = KeyTwiceError(KeyTwiceError.__doc__)
