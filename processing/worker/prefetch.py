"""The messages in flight at this worker, by bundle and by message. Prefetch counts messages."""

from typing import Any

from kombu.transport import SQS

from processing.sqs.message import Message
from processing.worker.bundles import Bundle
from processing.worker.joined_polls import Pace


class QoS(SQS.QoS):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pace = Pace()

    def ack(self, delivery_tag: str) -> None:
        """Free the prefetch slot. It deletes nothing."""
        if (bundle := self.bundle(delivery_tag)) is not None:
            self.pace.note_answered(bundle)
        super().ack(delivery_tag)
        self.channel.poll_if_room()

    def bundle(self, delivery_tag: str) -> Bundle | None:
        """The bundle of a tag; None if it is answered, or its channel was replaced."""
        delivered = self._delivered.get(delivery_tag)
        if delivered is None or delivery_tag in self._dirty:
            return None
        bundle: Bundle = delivered.delivery_info["bundle"]
        return bundle

    def replace(self, bundle: Bundle) -> None:
        self._delivered[bundle.delivery_tag].delivery_info["bundle"] = bundle

    def in_flight(self) -> list[Message]:
        """The messages that are handled or wait here; safe to call from another thread."""
        joining: list[Message] = self.channel.joined_polls.messages()
        waiting = filter(None, map(self.bundle, list(self._delivered)))
        return joining + [message for bundle in waiting for message in bundle.messages]

    def can_consume_max_estimate(self) -> int | None:
        """kombu counts deliveries, so a bundle of five would count as one."""
        most: int = self.prefetch_count * self.pace.times
        return max(0, most - len(self.in_flight())) if most else None

    def can_consume(self) -> bool:
        return self.can_consume_max_estimate() != 0
