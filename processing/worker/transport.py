"""Celery reads plain events through this subclass of kombu's SQS transport.

How one poll travels; `_` methods without a note are kombu's, and 1, 2, 4 and the first method
of 3 are in worker/polling.py:

1. `basic_consume` asks the event loop for `_schedule_queue` (ours: is there room, and does
   the database answer?).
2. `_get_bulk_async` -> `_get_async` (ours: one message at a time of a FIFO queue) ->
   `asynsqs` (ours: Connection, which turns every error into NO_ANSWER) -> ReceiveMessage.
3. The answer goes to `_on_messages_ready` (ours) and to `_take`. While a backlog waits on
   SQS, it waits for the next poll (worker/joined_polls.py). Then `_hand_over` ties the
   messages into bundles (worker/bundles.py), builds a Celery message of each
   (worker/task_messages.py) and calls Celery's consumer. Celery puts it into the pool.
4. Then `_loop1` (ours: after NO_ANSWER, wait REST_AFTER_ERROR) asks for the next poll.
5. The process answers: `basic_ack` or `basic_reject` (both ours). Each frees the prefetch
   room in QoS (worker/prefetch.py), and `poll_if_room` asks for the polls that waited.
6. When the connection ends, kombu calls `_restore` (ours) for each bundle without an answer.

The states of a message here, and who moves it:

| state | who moves it, and to which state |
| --- | --- |
| visible on SQS | a poll, to *joining* |
| joining | `_hand_over`, to *in the pool*; the end of the consumer: `_give_back` |
| in the pool | the process, to *done*, *failed* or *not begun*: `basic_ack`, `basic_reject` |
|  | a timer, to *in the pool*, alone: `_part`, where it waits behind a slow message |
|  | the end of the connection, as its progress says: `_restore` |
| done | `_delete`: SQS deletes it |
| failed | `_leave`: visible again after a backoff; SQS moves it to the DLQ after maxReceiveCount |
| not begun | `_hand_over_again`: *in the pool*, alone; `_give_back`: *visible*, if the worker stops |
| not delivered | `_deliver`, where Celery did not take it: as *failed* |

Rules that kombu's own transport does not keep:
* A message that fails is never deleted here.
* Those for asking SQS, in worker/polling.py.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from celery import current_app
from kombu.transport import SQS

from processing.events import strict_json
from processing.metrics import tally
from processing.sqs import publisher, queues, refusals
from processing.sqs.message import Message, messages_in
from processing.worker import bundles, visibility_heartbeat
from processing.worker.bundles import Bundle
from processing.worker.delete_batches import Deletes
from processing.worker.joined_polls import JoinedPolls
from processing.worker.polling import PollingChannel
from processing.worker.task_messages import celery_message
from processing.worker.visibility import is_last_delivery

logger = logging.getLogger(__name__)


class Channel(PollingChannel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.joined_polls = JoinedPolls(
            self._hand_over, lambda *call: self.hub.call_later(*call)
        )
        self._deletes = Deletes(
            lambda queue, handles, answered: self.asynsqs(queue).delete_batch(
                queues.url(queue), handles, answered
            ),
            lambda *call: self.hub.call_later(*call),
        )

    def close(self) -> None:
        self._deletes.close()
        super().close()

    def _validate_predifined_queues(self) -> None:
        """kombu wants a FIFO queue's name to end in `.fifo`; only our URLs do."""

    # -- delivering ---------------------------------------------------------------
    def _take(self, queue: str, answer: Any) -> int:
        received = list(messages_in(queue, answer))
        self.qos.pace.note_received(received)
        self.joined_polls.add(queue, received, self.qos.pace.largest)
        visibility_heartbeat.extend(list(filter(is_last_delivery, received)))
        return len(received)

    def _hand_over(self, queue: str, received: Sequence[Message]) -> None:
        deliver = self.connection._callbacks[queue]
        tied = list(self._tie(queue, received))
        for bundle in tied:
            self._deliver(deliver, bundle)
        shared = [bundle for bundle in tied if len(bundle.messages) > 1]
        self._look_later([bundle.delivery_tag for bundle in shared])

    def basic_cancel(self, consumer_tag: str) -> None:
        """The worker stops, or its connection ends: nothing is handed over any more."""
        waiting = self.joined_polls.take(self._tag_to_queue.get(consumer_tag, ""))
        super().basic_cancel(consumer_tag)
        self._give_back(waiting)

    def _message_to_python(self, *_: Any) -> Any:
        """Not used: kombu's own runs the task that the message names."""
        raise NotImplementedError("There is no event loop. Use the prefork pool.")

    def _tie(self, queue: str, received: Sequence[Message]) -> Iterator[Bundle]:
        if queue == "jobs":
            return (Bundle.of([message]) for message in received)
        for_each = current_app.conf.worker_prefetch_multiplier or 1  # 0: no limit
        processes = max(1, self.qos.prefetch_count // for_each)
        return bundles.tie(
            received,
            in_flight=len(self.qos.in_flight()),
            processes=processes,
            largest=self.qos.pace.largest,
        )

    def _deliver(self, deliver: Any, bundle: Bundle) -> None:
        try:
            deliver(celery_message(bundle))
        except Exception as error:  # of any kind: the other messages must go on
            first = bundle.messages[0]
            logger.error(
                "message_id=%s messages=%s queue=%s not_delivered=%s",
                first.id,
                len(bundle.messages),
                first.queue,
                type(error).__name__,
            )
            self.qos.ack(
                bundle.delivery_tag
            )  # frees the prefetch room, deletes nothing
            for message in bundle.messages:
                self._leave(message)

    # -- looking after bundles --------------------------------------------------------
    def _look_later(self, tags: Sequence[str]) -> None:
        """Pass *tags*, not bundles: the timer would keep the bodies of finished messages."""
        if tags:
            unanswered = [bundle for tag in tags if (bundle := self.qos.bundle(tag))]
            begun = [bundle.delivery_tag for bundle in unanswered if bundle.is_begun]
            self.hub.call_later(bundles.LOOK_EACH, self._look, tags, begun)

    def _look(self, tags: Sequence[str], begun: Sequence[str]) -> None:
        """Part the bundles that had *begun* at the look before; the others may still wait.

        A set is not parted. Those that it held up may be begun when it has ended.
        """
        for tag in begun:
            self._part(tag)
        self._look_later([tag for tag in tags if self._is_shared(tag)])

    def _is_shared(self, tag: str) -> bool:
        bundle = self.qos.bundle(tag)
        return bundle is not None and len(bundle.messages) > 1

    def _part(self, tag: str) -> None:
        bundle = self.qos.bundle(tag)
        if bundle is not None and (others := bundle.waiting):
            self.qos.replace(bundle.without(others))
            self._hand_over_again(others)

    # -- answering ------------------------------------------------------------------
    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        bundle = self.qos.bundle(delivery_tag)
        self.qos.ack(delivery_tag)
        if bundle is not None:
            self._delete(bundle.messages)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """The process did not finish the bundle. With *requeue*, Celery says that it died."""
        bundle = self.qos.bundle(delivery_tag)
        self.qos.ack(delivery_tag)  # frees the prefetch room; SQS keeps the messages
        if bundle is None:
            return
        progress = bundle.progress()
        self._delete(progress.done)
        self._hand_over_again(progress.not_begun)
        for message in progress.failed:
            if requeue:  # else the process has counted and logged it
                tally.died(message.queue)
                logger.error(
                    "request_id=%s message_id=%s queue=%s receive_count=%s"
                    " outcome=no_report",
                    message.named_id,
                    message.id,
                    message.queue,
                    message.receive_count,
                )
            self.gate.doubt()
            self._leave(message)

    def _delete(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._deletes.add(message.queue, message.receipt_handle)

    def _hand_over_again(self, messages: Sequence[Message]) -> None:
        for message in messages:
            deliver = self.connection._callbacks.get(message.queue)
            if deliver is None:
                return self._give_back(messages)  # the worker stops
            self._deliver(deliver, Bundle.of([message]))
        return None

    def _restore(self, message: Any) -> None:
        """kombu calls it for every bundle without an answer when the connection ends."""
        progress = message.delivery_info["bundle"].progress()
        self._delete(progress.done)
        self._give_back([*progress.failed, *progress.not_begun])

    def _give_back(self, messages: Sequence[Message]) -> None:
        """Hide for one long poll: a poll of this worker may be under way and take them again."""
        handles = [message.receipt_handle for message in messages]  # of one queue
        if handles:
            queues.hide_many(messages[0].queue, handles, self.wait_time_seconds)

    def _leave(self, message: Message) -> None:
        """After a backoff SQS delivers the message again, or moves it to the DLQ."""
        seconds = queues.backoff(message.receive_count)
        try:
            queues.hide(message.queue, message.receipt_handle, seconds)
        except Exception as error:
            logger.error(
                "message_id=%s queue=%s not_hidden=%s; the visibility timeout applies",
                message.id,
                message.queue,
                refusals.code(error),
            )

    # -- writing ---------------------------------------------------------------------
    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        """Send a job of ours as its name and keyword arguments, without Celery's envelope."""
        headers = message["headers"]
        _, kwargs, _ = strict_json.loads(
            self.decode_body(
                message["body"], message["properties"].get("body_encoding")
            )
        )
        publisher.send_job(headers["task"], headers["id"], kwargs)


class Transport(SQS.Transport):
    Channel = Channel
