"""The product, whole and unchanged, on a fake SQS and a fake clock, and what we know of it.

`World` does one thing at a time and may die at any step of it. Its memory of what was
promised is the oracle: whatever happens, the books must balance.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.db import connection

from dlq_review.errors import ReviewError
from dlq_review.letters import settlement
from dlq_review.letters.revisions import edit
from dlq_review.models import DeadLetter
from dlq_review.pull import puller
from dlq_review.redrive import sender, undo_window
from dlq_review.redrive.sender import redrive_many
from dlq_review.redrive.terms import Redrive, Terms
from intake.accept import REFUSALS, accept, accept_many
from processing.delivery import processor, sets, spool
from processing.events.envelope import Event
from processing.handlers import registry
from processing.handlers.effect import BusinessRuleError
from processing.models import Attempt
from processing.sqs import queues
from processing.sqs.message import Message
from processing.worker import visibility
from processing.worker.bundles import LARGEST, Bundle, NotBegunError
from processing.worker.delete_batches import Deletes
from processing.worker.joined_polls import MOST_TIMES
from processing.worker.visibility_heartbeat import extend
from tests.builders import order_created, redrive_now
from tests.crash import Crash
from tests.simulation.books import BUG, EFFECT, Books
from tests.simulation.fake_sqs import CrashPoint, FakeSQS

S = DeadLetter.State


class World:
    def __init__(self) -> None:
        self.crash = CrashPoint()
        self.sqs = FakeSQS(self.crash)
        self.promised: dict[str, Event] = {}
        self.poison: list[str] = []
        self.by_hand: set[str] = set()
        self.looked_at: list[DeadLetter] = []
        self.has_bug = False  # a release that refuses every order
        self.in_hands: list[Message] = []
        self.alone: set[str] = set()
        """The receipt handles of those that a process was handed and did not begin."""
        self.timers: list[tuple[Callable[[Any], None], Any]] = []
        self._no_deletes()
        self.commit = self._with_crash_points(connection.commit)

    # -- one step of somebody ---------------------------------------------------------
    def do(self, step: Callable[[], Any], dies_at: int = 0) -> None:
        """Run *step*; the process running it dies at its *dies_at*-th crash point."""
        self.crash.countdown = dies_at
        try:
            step()
        except Crash:
            self.in_hands.clear()
            self.alone.clear()
            self._no_deletes()
            connection.close()  # as the database sees a dead process: rolled back
        finally:
            self.crash.countdown = 0

    def accept(self, event: Event) -> None:
        try:
            accept(event)
        except REFUSALS:
            return
        self.promised.setdefault(event.id, event)

    def accept_many(self, events: Sequence[Event]) -> None:
        for event, refused in zip(events, accept_many(events), strict=True):
            if refused is None:
                self.promised.setdefault(event.id, event)

    def send_poison(self, body: str) -> None:
        self.poison.append(body)
        self.sqs.put("orders", body)

    def receive(self, queue: str, limit: int) -> None:
        self._unless_down(lambda: self._receive(queue, limit))

    def _receive(self, queue: str, limit: int) -> None:
        seconds = visibility.at_receive(queue)
        received = queues.receive(queue, limit=limit, visibility=seconds)
        self.in_hands.extend(received)
        extend([one for one in received if visibility.is_last_delivery(one)])

    def work(
        self, most: int = MOST_TIMES * LARGEST, *, worker_dies: bool = True
    ) -> None:
        """A process works through a bundle of what the worker holds, at *most* so many.

        Where the process dies, its worker dies too or reads how far it was.
        """
        if not self.in_hands:
            return
        bundle = self._next_bundle(most)
        try:
            bundle.work_through(processor.handle, sets.process)
        except (processor.RetryLaterError, NotBegunError):
            pass
        except Crash:
            if worker_dies:
                raise
            connection.close()
        self.crash.countdown = 0
        self._answer(bundle)

    def _next_bundle(self, most: int) -> Bundle:
        first = self.in_hands[0]
        messages = [first]
        if self._may_share(first):
            messages = [one for one in self.in_hands if self._may_share(one)]
            messages = [one for one in messages if one.queue == first.queue][:most]
        self.in_hands = [one for one in self.in_hands if one not in messages]
        return Bundle.of(messages)

    def _may_share(self, message: Message) -> bool:
        return message.receive_count == 1 and message.receipt_handle not in self.alone

    def _answer(self, bundle: Bundle) -> None:
        """What the transport does with the messages of a bundle."""
        progress = bundle.progress()
        for message in progress.done:
            self.deletes.add(message.queue, message.receipt_handle)
        for message in progress.failed:
            self._leave(message)
        self.in_hands += progress.not_begun
        self.alone |= {one.receipt_handle for one in progress.not_begun}

    def _leave(self, message: Message) -> None:
        pause = queues.backoff(message.receive_count)
        self._unless_down(
            lambda: queues.hide(message.queue, message.receipt_handle, pause)
        )

    def work_off(self) -> None:
        while self.in_hands:
            self.work()
        self.delete()

    def delete(self) -> None:
        """What waited for others to be deleted with has waited long enough."""
        while self.timers:
            send, batch = self.timers.pop(0)
            send(batch)

    def stop_worker(self) -> None:
        """It deletes what is done with; the rest is shown again in time."""
        self.deletes.close()
        self.in_hands.clear()
        self._no_deletes()

    def heartbeat(self) -> None:
        """A worker keeps hidden what it holds, all that SQS does hide for it."""
        self.sqs.refused.clear()
        extend(self.in_hands)
        if self.sqs.fault in ("down", "unheard"):
            return
        for message in self.in_hands:
            stored = self.sqs.held(message.queue, message.receipt_handle)
            if stored and message.receipt_handle not in self.sqs.refused:
                seconds = visibility.at_beat(message)
                assert self.sqs.hidden_for(stored) == seconds, "held, and shown"

    def relay(self) -> None:
        spool.relay()

    def pull(self) -> None:
        puller.pull(seconds=1)

    def settle(self) -> None:
        undo_window.send_due()
        sender.resend_claimed()
        settlement.reconcile()

    def look(self) -> None:
        """Staff open every letter, and act on one much later."""
        self.looked_at = list(DeadLetter.objects.order_by("pk"))

    def repair(self, number: int, stale: bool = False) -> None:
        """Staff write a valid event in place of whatever the letter holds."""
        letter = self._letter(number, DeadLetter.EDITABLE, stale)
        if letter is not None:
            body = order_created(id=letter.request_id).body
            self._as_staff(
                lambda: edit(
                    letter, body, based_on=letter.revision, by="ada", reason="fix"
                )
            )

    def redrive(self, number: int, stale: bool = False) -> None:
        letter = self._letter(number, DeadLetter.EDITABLE, stale)
        if letter is not None:
            self._as_staff(lambda: redrive_now(letter, by="ada"))

    def redrive_many(self) -> None:
        """Staff send all that waits at once, as an operation does."""
        waiting = DeadLetter.objects.filter(state__in=DeadLetter.EDITABLE)
        chosen = [Redrive(one, one.revision) for one in waiting.order_by("pk")]
        redrive_many(chosen, Terms("ada"))

    def discard_many(self, stale: bool = False) -> None:
        """Staff discard two at once, as an operation does with a set."""
        letters = self.looked_at if stale else list(DeadLetter.objects.order_by("pk"))
        chosen = [copy(one) for one in letters if one.state in DeadLetter.EDITABLE]
        settlement.discard_all(chosen[:2], by="ada", reason="no")

    def redrive_soon(self, number: int, stale: bool = False) -> None:
        letter = self._letter(number, DeadLetter.EDITABLE, stale)
        if letter is not None:
            one = Redrive(letter, letter.revision)
            self._as_staff(lambda: undo_window.redrive_soon(one, Terms("ada")))

    def undo(self, number: int, stale: bool = False) -> None:
        letter = self._letter(number, (S.CLAIMED,), stale)
        if letter is not None:
            self._as_staff(lambda: undo_window.undo(letter, by="ada"))

    def discard(self, number: int, stale: bool = False) -> None:
        letter = self._letter(number, DeadLetter.EDITABLE, stale)
        if letter is not None:
            self._as_staff(lambda: settlement.discard(letter, by="ada", reason="no"))

    def restore(self, number: int, stale: bool = False) -> None:
        letter = self._letter(number, (S.DISCARDED,), stale)
        if letter is not None:
            self._as_staff(lambda: settlement.restore(letter, by="ada"))

    def resolve(self, number: int, stale: bool = False) -> None:
        letter = self._letter(number, DeadLetter.EDITABLE, stale)
        if letter is not None:
            self.by_hand.add(letter.request_id)
            self._as_staff(
                lambda: settlement.resolve(letter, by="ada", reason="by phone")
            )

    # -- what must be true ------------------------------------------------------------
    def check(self) -> Books:
        """The books, at any moment."""
        books = Books(self.sqs.messages)
        books.check_effects()
        books.check_blame()
        books.check_redrives()
        books.check_nothing_is_lost(self.promised.keys(), self.by_hand)
        books.check_poison_is_in_sight(self.poison)
        return books

    def check_drained(self) -> None:
        """The books, when everything has settled: nothing is on its way any more."""
        books = self.check()
        assert not books.moves(), "not drained"
        assert set(self.promised) <= books.outcomes.keys() | self.by_hand | books.held

    def moves(self) -> bool:
        """Whether anything is on its way or waits for its outcome."""
        return Books(self.sqs.messages).moves()

    # -- inside -----------------------------------------------------------------------
    def _no_deletes(self) -> None:
        """As a worker begins: none waits for others."""
        self.timers.clear()
        self.deletes = Deletes(
            self._post, lambda _, send, batch: self.timers.append((send, batch))
        )

    def _post(
        self, queue: str, handles: Sequence[str], answered: Callable[[Any], None]
    ) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": handle}
            for number, handle in enumerate(handles)
        ]
        url = queues.url(queue)
        answered(self.sqs.delete_message_batch(QueueUrl=url, Entries=entries))

    def _letter(
        self, number: int, states: Iterable[str], stale: bool
    ) -> DeadLetter | None:
        """One that is in *states*, or was so when staff looked last."""
        letters = self.looked_at if stale else list(DeadLetter.objects.order_by("pk"))
        letters = [copy(letter) for letter in letters if letter.state in states]
        return letters[number % len(letters)] if letters else None

    def _as_staff(self, action: Callable[[], Any]) -> None:
        with suppress(ReviewError):  # the product said no, in a sentence
            action()

    def _unless_down(self, call: Callable[[], Any]) -> None:
        with suppress(ClientError, BotoCoreError):  # as the transport: it comes again
            call()

    @contextmanager
    def witnessed(self) -> Iterator[None]:
        """Note each effect in its own transaction, and let a release have a bug."""
        handlers, apply_many = dict(registry.HANDLERS), dict(registry.APPLY_MANY)
        for type, handler in handlers.items():
            registry.HANDLERS[type] = self._witnessed(handler)
            if handler in apply_many:
                many = self._witnessed_many(apply_many[handler])
                registry.applies_many(registry.HANDLERS[type])(many)
        try:
            yield
        finally:
            registry.HANDLERS.update(handlers)
            registry.APPLY_MANY.clear()
            registry.APPLY_MANY.update(apply_many)

    def _witnessed(self, handler: registry.Handler) -> registry.Handler:
        def handle(event: Event) -> Any:
            self._refuse(event)
            effect = handler(event)
            note_effects([event])
            return effect

        return handle

    def _witnessed_many(self, apply_many: registry.SetHandler) -> registry.SetHandler:
        def handle(events: Sequence[Event]) -> Any:
            effects = apply_many(events)
            for event in events:
                self._refuse(event)
            note_effects(events)
            return effects

        return handle

    def _refuse(self, event: Event) -> None:
        if self.has_bug and event.type == "order_created":
            raise BusinessRuleError(BUG.format(event.id))

    def _with_crash_points(self, commit: Callable[[], None]) -> Callable[[], None]:
        def wrapped() -> None:
            try:
                self.crash.step("before commit")
            except Crash:
                connection.rollback()  # what the database does when a client dies
                raise
            commit()
            self.crash.step("after commit")

        return wrapped


def note_effects(events: Sequence[Event]) -> None:
    Attempt.objects.bulk_create(
        Attempt(
            request_id=event.id,
            error_type=EFFECT,
            queue="",
            message_id="",
            receive_count=0,
            permanent=False,
            started_at=event.timestamp,
            duration_ms=0,
        )
        for event in events
    )
