"""Die between two steps: SIGKILL, as kill -9, a lost machine or the out-of-memory killer."""

import functools
import itertools
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from tests.boot.on_import import replace

#: Between which two steps a point lies, by the function it stands before or after.
POINTS = (
    "before processing.sqs.publisher:publish",
    "after processing.sqs.publisher:publish",
    "before processing.delivery.spool:add",
    "after processing.delivery.spool:add",
    "before processing.delivery.processor:process",
    "after processing.delivery.spool:record",
    "before processing.delivery.spool:send_follow_ups",
    "after processing.sqs.publisher:publish_many",
    "after processing.delivery.spool:_send",
    "after processing.models.requests:Outcome.claim_many",
    "after processing.handlers.registry:apply_set",
    "after processing.delivery.spool:record_many",
    "after processing.delivery.sets:_take_effect",
    "after processing.delivery.sets:_try",
    "after processing.worker.bundles:Bundle._process_sets",
    "after processing.delivery.processor:handle",
    "after processing.worker.bundles:Bundle.work_through",
    "after processing.delivery.attempts:record",
    "after processing.sqs.publisher:dead_letter",
    "before processing.sqs.queues:hide",
    "after processing.sqs.queues:hide",
    "before processing.worker.delete_batches:Deletes._send",
    "after processing.worker.delete_batches:Deletes._answered",
    "before processing.sqs.queues:delete",
    "after processing.sqs.queues:_delete_batch",
    "after processing.sqs.queues:delete",
    "after processing.sqs.queues:receive",
    "after dlq_review.pull.new_letters:begin_new",
    "after dlq_review.pull.arrivals:_store_arrival",
    "after dlq_review.pull.arrivals:join",
    "after dlq_review.letters.transitions:note",
    "after dlq_review.letters.transitions:_update",
    "after dlq_review.letters.transitions:_write_trail",
    "after dlq_review.redrive.claims:take_all",
    "after dlq_review.redrive.sender:send_claimed",
)


def install(point: str) -> None:
    """*point* is `after processing.sqs.publisher:publish 2`: die at its second pass."""
    when, target, nth = point.split()
    passes = itertools.count(1)
    _wrap(when, target, lambda: next(passes) == int(nth), os.getpgrp)


def install_everywhere(rate: float, seed: str) -> None:
    """Die at each pass of each point with probability *rate*; alone, or with all its kin."""

    @functools.cache
    def dice(pid: int) -> random.Random:  # else every forked child would throw the same
        return random.Random(f"{seed}/{pid}")  # noqa: S311

    for point in POINTS:
        when, target = point.split()
        _wrap(
            when,
            target,
            lambda: dice(os.getpid()).random() < rate,
            lambda: os.getpgrp() if dice(os.getpid()).random() < 0.5 else 0,
        )


def _wrap(
    when: str, target: str, now: Callable[[], bool], group: Callable[[], int]
) -> None:
    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if when == "before" and now():
                die(f"{when} {target}", group())
            result = function(*args, **kwargs)
            if when == "after" and now():
                die(f"{when} {target}", group())
            return result

        return wrapped

    replace(target, wrap)


def die(point: str, group: int) -> NoReturn:
    print(f"crash_point={point}", file=sys.__stderr__, flush=True)
    if group:
        os.killpg(group, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")
