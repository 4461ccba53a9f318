"""Celery reads plain events through this subclass of kombu's SQS transport.

Rules that kombu's own does not keep (it stops or goes deaf on dozens of messages and
server answers):
* The Celery message is built here, from scratch. Which task runs is ours to say, never the
  message's, and the body reaches the task as one opaque string.
* A message that fails is never deleted here: it becomes visible again after a backoff, and
  SQS moves it to the DLQ after maxReceiveCount.
* An error or a hang of ReceiveMessage neither stops the worker nor makes it deaf.
* Of a FIFO queue one message is received at a time. SQS then keeps the order itself, among
  all workers: it gives no other message of a group until that one is deleted or in the DLQ.
  A batch would hold several of one group, for kombu to run at once; and to give back those
  behind a failed one costs each a receive, so that it follows into the DLQ untried.
* While there is room for a good part of a batch the queue is asked for it; otherwise the
  next message that is done with asks, and no timer.

The jobs queue alone carries names of tasks, and only of those that are a `Job`.
"""

import logging
from dataclasses import replace
from typing import Any

import celery
from celery import current_app
from kombu.transport import SQS

from processing import curl_client, queues, sending, strict_json
from processing.database_gate import DatabaseGate
from processing.deletes import Deletes
from processing.polling import NO_ANSWER, Connection
from processing.topology import QUEUES

logger = logging.getLogger(__name__)

HANDLE = "processing.handle"
REST_AFTER_ERROR = 2  # seconds until a failed poll is tried again


class Job(celery.Task):
    """A task that the jobs queue may name: repair work of ours, safe to run twice."""

    abstract = True


def message_of(request: Any, body: str) -> queues.Message:
    """The SQS message behind a running task; its body is the task's argument."""
    message: queues.Message = request.properties["delivery_info"]["message"]
    return replace(message, body=body)


class QoS(SQS.QoS):
    def ack(self, delivery_tag: str) -> None:
        """Free the prefetch slot. It deletes nothing."""
        super().ack(delivery_tag)
        self.channel.poll_if_room()


class Channel(SQS.Channel):
    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gate = DatabaseGate()
        self._without_room: set[str] = set()
        self._deletes = Deletes(
            lambda queue, handles, answered: self.asynsqs().delete_batch(
                queues.url(queue), handles, answered
            ),
            lambda *call: self.hub.call_later(*call),
        )

    def close(self) -> None:
        self._deletes.close()
        super().close()

    # -- connections --------------------------------------------------------------
    def sqs(self, queue: str | None = None) -> Any:
        return queues.client()

    def asynsqs(self, queue: str | None = None) -> Connection:
        return Connection(
            queues.client(),
            http_client=self._curl(),
            region=self.region,
            message_system_attribute_names=queues.SYSTEM_ATTRIBUTES,
            message_attribute_names=[".*"],
        )

    def _curl(self) -> curl_client.Client:
        """One for each event loop, so that connections are kept and shared."""
        client: curl_client.Client | None = getattr(self.hub, "holdfast_curl", None)
        if client is None:
            client = self.hub.holdfast_curl = curl_client.Client(self.hub)
        return client

    def _validate_predifined_queues(self) -> None:
        """kombu wants a FIFO queue's name to end in `.fifo`; only our URLs do."""

    # -- polling ------------------------------------------------------------------
    def _schedule_queue(self, queue: str) -> None:
        if not self._has_room():
            self._without_room.add(queue)
            return
        try:
            if self.gate.is_open():
                super()._schedule_queue(queue)
            else:
                self._poll_later(queue)
        except Exception as error:  # signing, for one: there may be no credentials
            logger.error(
                "receive=failed queue=%s reason=%s", queue, type(error).__name__
            )
            self._poll_later(queue)

    def _loop1(self, queue: str, fetched: Any = None) -> None:
        if fetched is NO_ANSWER:
            self._poll_later(queue)
        else:
            super()._loop1(queue, fetched)

    def _poll_later(self, queue: str) -> None:
        self.hub.call_later(REST_AFTER_ERROR, self._schedule_queue, queue)

    def _get_async(self, queue: str, count: int = 1, callback: Any = None) -> Any:
        if QUEUES[queue].fifo:
            count = 1
        return super()._get_async(queue, count, callback)

    def poll_if_room(self) -> None:
        while self._without_room and self._has_room():
            self.hub.call_soon(self._schedule_queue, self._without_room.pop())

    def _has_room(self) -> bool:
        """Whether a poll is worth its call: room for ten, or for half of the prefetch."""
        room = self.qos.can_consume_max_estimate()
        return room is None or room >= min(
            queues.BATCH, max(1, self.qos.prefetch_count // 2)
        )

    def _on_messages_ready(self, queue_url: str, queue: str, answer: Any) -> Any:
        if answer is NO_ANSWER:
            return NO_ANSWER
        deliver = self.connection._callbacks.get(queue)
        if deliver is None:  # cancelled while the poll was under way
            return super()._on_messages_ready(queue_url, queue, answer)
        received = answer.get("Messages") or []
        for raw in received:
            self._deliver(deliver, raw, queue)
        return len(received)

    def _deliver(self, deliver: Any, raw: Any, queue: str) -> None:
        try:
            deliver(self._message_to_python(raw, queue, queues.url(queue)))
        except Exception as error:  # whatever it is, its neighbours must go on
            logger.error(
                "message_id=%s queue=%s not_delivered=%s",
                raw.get("MessageId"),
                queue,
                type(error).__name__,
            )
            self.qos.ack(
                raw["ReceiptHandle"]
            )  # frees the prefetch slot, deletes nothing
            self._leave(queues.message_from(queue, raw))

    # -- building the Celery message ------------------------------------------------
    def _message_to_python(
        self, raw: Any, queue: str, queue_url: str
    ) -> dict[str, Any]:
        message = queues.message_from(queue, raw)
        task, args, kwargs = _call_for(message)
        task_id = message.named_id  # for Celery's log; the body is not read here
        return {
            "body": (args, kwargs, {}),
            "content-encoding": "binary",  # and no content type: nobody is to decode it
            "headers": {
                "lang": "py",
                "task": task,
                "id": task_id,
                "root_id": task_id,
                "parent_id": None,
                "group": None,
                "retries": 0,
                "eta": None,
                "expires": None,
                "timelimit": [QUEUES[queue].time_limit, QUEUES[queue].soft_time_limit],
                "argsrepr": "<event>",
                "kwargsrepr": "",
                "ignore_result": True,
            },
            "properties": {
                "correlation_id": task_id,
                "delivery_tag": message.receipt_handle,
                "delivery_mode": 2,
                "priority": 0,
                "delivery_info": {
                    "exchange": "",
                    "routing_key": queue,
                    "message": replace(message, body=""),
                },
            },
        }

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        """Write a job of ours: its name and its keyword arguments, nothing of Celery."""
        headers = message["headers"]
        _, kwargs, _ = strict_json.loads(
            self.decode_body(
                message["body"], message["properties"].get("body_encoding")
            )
        )
        sending.send_job(headers["task"], headers["id"], kwargs)

    # -- answering ------------------------------------------------------------------
    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        message = self._held(delivery_tag)
        self.qos.ack(delivery_tag)
        if message is not None:
            self._deletes.add(message.queue, message.receipt_handle)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        message = self._held(delivery_tag)
        self.qos.ack(delivery_tag)  # frees the prefetch slot; SQS keeps the message
        if message is not None:
            self.gate.doubt()
            self._leave(message)

    def _restore(self, message: Any) -> None:
        """Give back what was prefetched and not begun, when the worker stops.

        Not at once: a poll of this worker may still be under way and would take it again.
        """
        self._leave(message.delivery_info["message"], seconds=self.wait_time_seconds)

    def held_messages(self) -> list[queues.Message]:
        """What is being worked on or waits here; safe to call from another thread."""
        tags = [tag for tag in list(self.qos._delivered) if tag not in self.qos._dirty]
        return [held for tag in tags if (held := self._held(tag)) is not None]

    def _held(self, delivery_tag: str) -> queues.Message | None:
        delivered = self.qos._delivered.get(delivery_tag)
        held: queues.Message | None = delivered and delivered.delivery_info["message"]
        return held

    def _leave(self, message: queues.Message, seconds: int | None = None) -> None:
        """Let SQS show the message again after a backoff, or move it to the DLQ."""
        if seconds is None:
            seconds = queues.backoff(message.receive_count)
        try:
            queues.hide(message.queue, message.receipt_handle, seconds)
        except Exception as error:
            logger.error(
                "message_id=%s queue=%s no_backoff=%s; the visibility timeout applies",
                message.id,
                message.queue,
                type(error).__name__,
            )


def _call_for(message: queues.Message) -> tuple[str, list[str], dict[str, Any]]:
    """The task that *message* runs: a job of ours on the jobs queue, else `handle`."""
    if message.queue == "jobs":
        try:
            body = strict_json.loads(message.body)
            if isinstance(current_app.tasks[body["job"]], Job):
                return body["job"], [], dict(body["arguments"])
        except (ValueError, TypeError, LookupError):
            pass  # `handle` will find it unreadable and dead-letter it with the reason
    return HANDLE, [message.body], {}


class Transport(SQS.Transport):
    Channel = Channel
