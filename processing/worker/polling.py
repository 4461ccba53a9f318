"""When a worker asks SQS for messages, and over which connection.

* A queue is polled while there is room for a good part of a batch. Otherwise the next answer
  of a process asks for the poll; no timer does.
* An error or a hang of ReceiveMessage neither stops the worker nor makes it deaf: the poll
  is tried again after REST_AFTER_ERROR.
* Nothing is polled while the database does not answer. A queue is not polled while its
  heartbeat is late and messages of it are held here (worker/visibility.py).
* Of a FIFO queue one message is received at a time. SQS then keeps the order among all
  workers: it gives out no other message of a group until that one is deleted or in the DLQ.
  A batch may contain several messages of one group, and kombu would run them in parallel.
  Returning the ones behind a failed message increases their receive count, so they could
  reach the DLQ without ever being tried.
"""

from typing import Any

from kombu.transport import SQS

from processing.sqs import queues, refusals
from processing.sqs.topology import QUEUES
from processing.worker import event_loop_curl, visibility
from processing.worker.database_gate import DatabaseGate
from processing.worker.prefetch import QoS
from processing.worker.receive_connection import NO_ANSWER, Connection

REST_AFTER_ERROR = 2  # seconds until a failed poll is tried again


class PollingChannel(SQS.Channel):
    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gate = DatabaseGate()
        self.beats = visibility.Beats()
        self._without_room: set[str] = set()

    def sqs(self, queue: str | None = None) -> Any:
        return queues.client()

    def asynsqs(self, queue: str | None = None) -> Connection:
        return Connection(queue or "all", self._curl())

    def _curl(self) -> event_loop_curl.Client:
        """One client for each event loop, so that connections are kept and shared.

        A reset of the loop closes the client, and a closed client drops its requests.
        """
        client: event_loop_curl.Client | None = getattr(self.hub, "holdfast_curl", None)
        if client is None or client.is_closed:
            client = event_loop_curl.Client(self.hub, queues.reached())
            self.hub.holdfast_curl = client
        return client

    def _schedule_queue(self, queue: str) -> None:
        if not self._has_room():
            self._without_room.add(queue)
            return
        try:
            if self.gate.is_open() and not self._is_starved(queue):
                super()._schedule_queue(queue)
            else:
                self._poll_later(queue)
        except Exception as error:  # signing, for one: there may be no credentials
            refusals.log(error, queue, "ReceiveMessage")
            self._poll_later(queue)

    def _loop1(self, queue: str, fetched: Any = None) -> None:
        if fetched is NO_ANSWER:
            self._poll_later(queue)
        else:
            super()._loop1(queue, fetched)

    def _poll_later(self, queue: str) -> None:
        self.hub.call_later(REST_AFTER_ERROR, self._schedule_queue, queue)

    def _is_starved(self, queue: str) -> bool:
        """Whether others may have received what is held of *queue*."""
        return self.beats.is_late(queue) and any(
            message.queue == queue for message in self.qos.in_flight()
        )

    def _get_async(self, queue: str, count: int = 1, callback: Any = None) -> Any:
        if QUEUES[queue].fifo:
            count = 1
        return super()._get_async(queue, count, callback)

    def _get_from_sqs(
        self,
        queue_name: str,
        queue_url: str,
        connection: Connection,
        count: int = 1,
        callback: Any = None,
    ) -> Any:
        connection.receive_message(
            queue_url,
            number=count,
            visibility=visibility.at_receive(queue_name),
            wait=self.wait_time_seconds,
            callback=callback,
        )

    def _on_messages_ready(self, queue_url: str, queue: str, answer: Any) -> Any:
        if answer is NO_ANSWER:
            return NO_ANSWER
        try:
            if queue in self.connection._callbacks:
                return self._take(queue, answer)
            # cancelled while the poll was under way
            return super()._on_messages_ready(queue_url, queue, answer)
        except Exception as error:  # of any kind: else the queue is not polled again
            refusals.log(error, queue, "ReceiveMessage")
            return NO_ANSWER

    def _take(self, queue: str, answer: Any) -> int:
        """Take the messages in *answer*, and return how many there are."""
        raise NotImplementedError

    def poll_if_room(self) -> None:
        while self._without_room and self._has_room():
            self.hub.call_soon(self._schedule_queue, self._without_room.pop())

    def _has_room(self) -> bool:
        """Whether a poll is worth its call: room for ten, or for half of the prefetch."""
        room = self.qos.can_consume_max_estimate()
        return room is None or room >= min(
            queues.BATCH, max(1, self.qos.prefetch_count // 2)
        )
