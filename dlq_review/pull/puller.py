"""Pull dead letters out of their queues.

Crash order: receive -> store the arrival, once per (dlq, message id) -> commit -> delete
from the DLQ. After a crash before the commit the message is still in the DLQ. After a crash
behind the commit the message is pulled again, recognised and deleted. The new messages of
several receives, a set, are stored in one transaction. If that fails, each message gets a
transaction of its own, so that a bad one never delays the others.

The next set is received while one is stored (pull/receiving.py). If the pull ends before it
stores that one, because its time limit is reached, SQS shows its messages again, as after a
crash.
"""

import logging
import random
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import monotonic

from celery.exceptions import SoftTimeLimitExceeded

from dlq_review.monitoring import early_warnings
from dlq_review.pull import receiving
from dlq_review.pull.arrivals import join
from dlq_review.pull.new_letters import begin_new
from processing.metrics.declared import ARRIVED
from processing.sqs import queues, refusals
from processing.sqs.message import Message
from processing.sqs.topology import SOURCE_OF

logger = logging.getLogger(__name__)

DLQS = tuple(SOURCE_OF)


@dataclass(slots=True)
class PullCounts:
    """The result of a pull: new arrivals, messages stored before, messages left in the DLQ."""

    stored: int = 0
    known: int = 0
    left: int = 0
    not_deleted: int = 0
    """Stored now or before, and still in the DLQ."""

    @property
    def received(self) -> int:
        return self.stored + self.known + self.left

    @property
    def moved(self) -> bool:
        """Whether a message was stored, or left its DLQ."""
        return self.stored > 0 or self.known > self.not_deleted


def pull(dlqs: Sequence[str] = DLQS, *, seconds: float = 60) -> PullCounts:
    """Empty each of *dlqs*, for at most *seconds* in all. Never raises for one queue.

    Raises SoftTimeLimitExceeded.
    """
    done = PullCounts()
    deadline = monotonic() + seconds
    # In another order each time: a flood in one DLQ takes all the time that there is.
    for dlq in random.sample(dlqs, len(dlqs)):
        try:
            with closing(receiving.sets(dlq, deadline)) as sets:
                for messages in sets:
                    store_set(dlq, messages, done)
        except queues.SQS_ERRORS as error:
            refusals.log(error, dlq, "pull")
    if done.received:
        logger.info(
            "pull=done stored=%s known=%s left=%s", done.stored, done.known, done.left
        )
    return done


def store_set(dlq: str, messages: Sequence[Message], done: PullCounts) -> None:
    """Store *messages*, and delete from *dlq* those that are stored."""
    early_warnings.warn_of_loss(messages)
    begun = _begin(messages, done)
    stored = [one for one in messages if one.id in begun or _store(one, done)]
    done.not_deleted += _delete(dlq, stored)  # only now, after each commit


def _delete(dlq: str, stored: Sequence[Message]) -> int:
    """Delete *stored*; return how many SQS did not: they come again and are recognised."""
    try:
        left = queues.delete(dlq, [message.receipt_handle for message in stored])
    except queues.SQS_ERRORS as error:  # the next set, which is received, is stored too
        refusals.log(error, dlq, "delete")
        return len(stored)
    if left:
        logger.warning("queue=%s not_deleted=%s", dlq, len(left))
    return len(left)


def _begin(messages: Sequence[Message], done: PullCounts) -> set[str]:
    """Store new messages in one transaction; return their ids, or none on failure."""
    try:
        begun = begin_new(messages)
    except SoftTimeLimitExceeded:  # no fault of a message; the job has to end
        raise
    except Exception as error:  # of any kind: each message is tried alone now
        logger.warning("stored_at_once=0 reason=%s", type(error).__name__)
        return set()
    done.stored += len(begun)
    _count(begun)
    return {message.id for message in begun}


def _store(message: Message, done: PullCounts) -> bool:
    try:
        new = join(message)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # of any kind: the message stays in the DLQ
        logger.exception(
            "message_id=%s queue=%s not_stored=%s",
            message.id,
            message.queue,
            type(error).__name__,
        )
        done.left += 1
        return False
    if new:
        done.stored += 1
        _count([message])
    else:
        done.known += 1
    return True


def _count(stored: Iterable[Message]) -> None:
    for message in stored:
        ARRIVED.count(SOURCE_OF[message.queue])
