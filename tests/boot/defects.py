"""Defects planted in the product, to prove that the harness would see them.

Each is a mistake that one could make in earnest, and breaks one rule of the crash order.
"""

import contextlib
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.boot.on_import import after_import, replace

Function = Callable[..., Any]


def install(name: str) -> None:
    DEFECTS[name]()


def _ack_before_work() -> None:
    """The message is deleted first, and worked on then."""

    def plant(handle: Function) -> Function:
        def handle_deleted(message: Any) -> None:
            from processing.sqs import queues

            with contextlib.suppress(*queues.SQS_ERRORS):
                queues.delete(message.queue, [message.receipt_handle])
            handle(message)

        return handle_deleted

    def plant_sets(process: Function) -> Function:
        def process_deleted(messages: Any) -> Any:
            from processing.sqs import queues

            with contextlib.suppress(*queues.SQS_ERRORS):
                queues.delete(
                    messages[0].queue, [one.receipt_handle for one in messages]
                )
            return process(messages)

        return process_deleted

    replace("processing.delivery.processor:handle", plant)
    replace("processing.delivery.sets:process", plant_sets)


def _done_before_work() -> None:
    """A process notes that a message of its bundle is done, and works on it then."""

    def plant(work_through: Function) -> Function:
        def note_and_work(bundle: Any, handle: Function, *sets: Function) -> None:
            from processing.worker import bundles

            def handle_noted(message: Any) -> None:
                bundle._note(bundles.DONE, [message])
                handle(message)

            work_through(bundle, handle_noted, *sets)

        return note_and_work

    replace("processing.worker.bundles:Bundle.work_through", plant)


def _set_half_committed() -> None:
    """Each statement of a set is a transaction of its own."""
    replace("processing.delivery.sets:_take_effect", lambda take: take.__wrapped__)


def _neighbour_blamed() -> None:
    """What one event of a set does wrong is told of all of them."""

    def plant(log_failure: Function) -> Function:
        def blame_all(deliveries: Any, error: Any) -> None:
            from processing.delivery import attempts, processor

            for one in deliveries:
                identity = processor.identify(one.message)
                watch = attempts.Stopwatch()
                attempts.record(one.message, identity, error, watch, permanent=False)
            log_failure(deliveries, error)

        return blame_all

    replace("processing.delivery.sets:_log_failure", plant)


def _ack_on_failure() -> None:
    """A failure is logged, and its message deleted, as Celery does by default."""

    def plant(handle: Function) -> Function:
        def handle_and_forget(message: Any) -> None:
            from processing.delivery.processor import RetryLaterError

            try:
                handle(message)
            except RetryLaterError:
                return

        return handle_and_forget

    replace("processing.delivery.processor:handle", plant)


def _delete_before_storing() -> None:
    """The puller empties the DLQ, and stores what it has then."""

    def plant(receive: Function) -> Function:
        def receive_and_delete(queue: str, **options: Any) -> Any:
            from processing.sqs import queues

            messages = receive(queue, **options)
            if queue.endswith("-dlq"):
                queues.delete(queue, [message.receipt_handle for message in messages])
            return messages

        return receive_and_delete

    replace("processing.sqs.queues:receive", plant)


def _no_outcome() -> None:
    """Nobody remembers what was processed already."""

    def plant(process: Function) -> Function:
        def process_again(event: Any, **options: Any) -> None:
            from processing.models import Outcome

            Outcome.objects.filter(request_id=event.id, kind="processed").delete()
            process(event, **options)

        return process_again

    replace("processing.delivery.processor:process", plant)


def _no_tombstone() -> None:
    """Discarding only marks the dead letter."""

    def plant(discard: Function) -> Function:
        def only_mark(letter: Any, *, by: str, reason: str) -> str:
            from dlq_review.letters.transitions import S, move
            from dlq_review.models import AuditEntry

            move(letter, S.DISCARDED, AuditEntry.Verb.DISCARDED, by=by, reason=reason)
            return str(letter.state)

        return only_mark

    replace("dlq_review.letters.settlement:discard", plant)


def _redrive_without_compare_and_set() -> None:
    """The claim is written over whatever the row has become meanwhile."""

    def plant(move_all: Function) -> Function:
        def move_anyway(moves: Any) -> Any:
            for move in moves:
                letter = move.letter
                if move.to in ("claimed", "redriven"):
                    type(letter).objects.filter(pk=letter.pk).update(
                        state=letter.state,
                        revision=letter.revision,
                        redrive_id=letter.redrive_id,
                    )
            return move_all(moves)

        return move_anyway

    replace("dlq_review.letters.transitions:move_all", plant)


def _send_before_claim() -> None:
    """The events are on their queues before anybody is recorded to have asked for it."""

    def plant(take_all: Function) -> Function:
        def send_first(chosen: Any, terms: Any) -> Any:
            from dlq_review.letters import current_event
            from dlq_review.redrive.message_attributes import brought, marked
            from processing.sqs import publisher

            letters = [one.letter for one in chosen]
            bodies = current_event.current_bodies(letters)
            for letter in letters:
                with contextlib.suppress(current_event.NotAnEventError):
                    event = current_event.event_in(letter, bodies[letter.pk])
                    beside = marked(letter, brought([letter])[0])
                    publisher.publish_many([event], [beside])
            return take_all(chosen, terms)

        return send_first

    replace("dlq_review.redrive.claims:take_all", plant)


def _stock_transport() -> None:
    """kombu's own SQS transport reads the queues."""

    def plant(transport: ModuleType) -> None:
        transport.Transport.Channel = transport.SQS.Channel

    after_import("processing.worker.transport", plant)


def _spool_deleted_before_send() -> None:
    """The relay takes the rows out of the spool, commits, and sends then."""

    def plant(send: Function) -> Function:
        @functools.wraps(send)
        def delete_first(waiting: Any, limit: int = 100) -> Any:
            from processing.delivery import spool
            from processing.events import envelope
            from processing.models import SpooledEvent
            from processing.sqs import publisher

            rows = list(waiting.filter(refused_for_good=False)[:limit])
            SpooledEvent.objects.filter(pk__in=[row.pk for row in rows]).delete()
            held = [envelope.parse(row.body, fallback_id=row.pk) for row in rows]
            results = publisher.publish_many(held)
            errors = [one.error for one in results if one.error is not None]
            is_away = any(error.is_away for error in errors)
            return spool._Tried(len(rows), len(rows) - len(errors), is_away=is_away)

        return delete_first

    replace("processing.delivery.spool:_send", plant)


def _follow_ups_only_in_memory() -> None:
    """Follow-ups are published after the commit, and recorded nowhere before."""

    def plant(record: Function) -> Function:
        def publish(follow_ups: Any, cause: str) -> None:
            from django.db import transaction

            from processing.sqs import publisher

            transaction.on_commit(lambda: publisher.publish_many(follow_ups))

        return publish

    def plant_many(record_many: Function) -> Function:
        def publish(follow_ups: Any) -> None:
            from django.db import transaction

            from processing.sqs import publisher

            events = [event for _, event in follow_ups]
            transaction.on_commit(lambda: publisher.publish_many(events))

        return publish

    replace("processing.delivery.spool:record", plant)
    replace("processing.delivery.spool:record_many", plant_many)


def _accepted_in_memory() -> None:
    """What SQS refuses is answered with 202 and kept nowhere."""

    def plant(hold: Function) -> Function:
        return lambda event, refusal: None

    replace("processing.delivery.spool:add", plant)


DEFECTS: dict[str, Callable[[], None]] = {
    "ack before work": _ack_before_work,
    "ack on failure": _ack_on_failure,
    "done before work": _done_before_work,
    "set half committed": _set_half_committed,
    "neighbour blamed": _neighbour_blamed,
    "delete from the DLQ before storing": _delete_before_storing,
    "no outcome": _no_outcome,
    "no tombstone": _no_tombstone,
    "redrive without compare-and-set": _redrive_without_compare_and_set,
    "redrive sent before it is claimed": _send_before_claim,
    "stock transport": _stock_transport,
    "spool row deleted before send": _spool_deleted_before_send,
    "follow-ups only in memory": _follow_ups_only_in_memory,
    "accepted in memory": _accepted_in_memory,
}
