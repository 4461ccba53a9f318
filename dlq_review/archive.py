"""Copy every message that was pulled from a DLQ to S3, if ARCHIVE_BUCKET is set.

Crash order: the pull stores the arrival and commits -> a job of its own puts the object ->
notes that the arrival is archived. After a crash behind the put, the same bytes are put
under the same key again. While S3 is away, arrivals wait here and nothing else does.

At most one archiver runs, so a hanging S3 holds up one process of the jobs worker and
never the pull in the next. It claims `rests_until` of its life sign for longer than a job may
last; after a failure it leaves a pause there.
"""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import ERASED
from dlq_review.models import Arrival, LifeSign
from processing.s3 import bucket, key_layout
from processing.sqs import refusals
from processing.sqs.topology import QUEUES, SOURCE_OF

logger = logging.getLogger(__name__)

STEP = 100  # arrivals looked up at once
MOST_REFUSED = 20  # objects of one run
PAUSE = timedelta(minutes=1)  # after a failure
LEASE = timedelta(seconds=QUEUES["jobs"].time_limit + 60)
_NAME = "archive"  # of the life sign
_ERASED = "A message was erased here while it was archived. Delete {}."
_CUT_SHORT = "The archive was cut short; it goes on in a minute."


def may_begin() -> bool:
    """Whether something waits to be archived, and no archiver runs or pauses."""
    paused = LifeSign.objects.filter(name=_NAME).exclude(_is_rested())
    return Arrival.unarchived().exists() and not paused.exists()


def run(*, seconds: float) -> int:
    """Archive what waits, for about *seconds*; return how many.

    An error of S3 ends the run, because each further put would wait for the same timeout. A
    refusal is quick and may be about one object alone, so MOST_REFUSED of them end it.
    """
    if not settings.ARCHIVE_BUCKET:
        # Of an archive that was turned off.
        LifeSign.objects.filter(name=_NAME).delete()
        return 0
    claim = _claim()
    if claim is None:
        return 0
    trouble = _CUT_SHORT
    try:
        done, trouble = _archive_all(monotonic() + seconds)
    finally:
        _release(claim, trouble)
    return done


def _archive_all(deadline: float) -> tuple[int, str]:
    """The number that were archived, and the problem that there was."""
    done, errors = 0, list[Exception]()
    for number in _waiting():
        if monotonic() >= deadline:
            break
        try:
            done += _archive(number)
        except bucket.S3_ERRORS as error:
            refusals.log(error, _NAME, "PutObject")
            errors.append(error)
            if not bucket.is_refusal(error) or len(errors) == MOST_REFUSED:
                break
    return done, _problem(errors[-1], done) if errors else ""


def _problem(error: Exception, done: int) -> str:
    bucket_name, code = settings.ARCHIVE_BUCKET, refusals.code(error)
    what = "does not take everything" if done else "takes nothing"
    return (
        f"The archive s3://{bucket_name} {what} ({code}). What was pulled waits here, and"
        " is tried again every minute."
    )


def _waiting() -> Iterator[int]:
    """The numbers of the arrivals that wait, each once."""
    numbers = Arrival.unarchived().order_by("pk").values_list("pk", flat=True)
    last = 0
    while step := list(numbers.filter(pk__gt=last)[:STEP]):
        yield from step
        last = step[-1]


def _archive(number: int) -> bool:
    """Archive one arrival, read just before; False if it needs that no more."""
    arrival = Arrival.unarchived().select_related("letter").filter(pk=number).first()
    if arrival is None:
        return False
    put_to = "" if arrival.is_purged else bucket.put(_key(arrival), document(arrival))
    row = Arrival.objects.filter(pk=number)
    row.filter(archived_at=None).update(archived_at=timezone.now(), archived_to=put_to)
    if put_to and not row.exclude(body="", attributes={}).exists():
        raising.begin(ERASED, arrival.message_id, _ERASED.format(put_to))
    return True


def document(arrival: Arrival) -> bytes:
    """The object, as JSON. The same bytes each time, so it holds nothing that changes.

    The body is a string, because it may be no JSON.
    """
    content = {
        "message": arrival.body,
        "attributes": arrival.attributes,
        "attribute_types": arrival.attribute_types,
        "message_id": arrival.message_id,
        "request_id": arrival.letter.request_id,
        "original_queue": _origin(arrival),
        "dlq": arrival.dlq,
        "receive_count": arrival.receive_count,
        "sent_at": arrival.sent_at.isoformat(),
        "pulled_at": arrival.pulled_at.isoformat(),
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def address_of(arrival: Arrival) -> str:
    """Where the object of *arrival* is, or may be after a crash: s3://bucket/key.

    Empty if it never was archived.
    """
    if arrival.archived_at or not settings.ARCHIVE_BUCKET:
        return arrival.archived_to
    return f"s3://{settings.ARCHIVE_BUCKET}/{_key(arrival)}"


def _key(arrival: Arrival) -> str:
    return key_layout.key(
        settings.ARCHIVE_KEY,
        message_id=arrival.message_id,
        queue=_origin(arrival),
        sent_at=arrival.sent_at,
    )


def _origin(arrival: Arrival) -> str:
    return SOURCE_OF.get(arrival.dlq, arrival.dlq)  # it may be declared no more


def _is_rested() -> Q:
    now = timezone.now()
    # The clock of the machine that set it is wrong. Once LEASE is no proof: a claim that was
    # set in the moment after `now` ends later than that.
    wrong_clock = Q(rests_until__gt=now + 2 * LEASE)
    return Q(rests_until=None) | Q(rests_until__lte=now) | wrong_clock


def _claim() -> datetime | None:
    """The end of the claim; None if another archiver runs or pauses."""
    now = timezone.now()
    LifeSign.objects.get_or_create(name=_NAME, defaults={"at": now})
    sign = LifeSign.objects.filter(_is_rested(), name=_NAME)
    return now + LEASE if sign.update(rests_until=now + LEASE) else None


def _release(claim: datetime, trouble: str) -> None:
    """Sign that the run is over, unless its claim was lost to another archiver."""
    now = timezone.now()
    LifeSign.objects.filter(name=_NAME, rests_until=claim).update(
        at=now,
        worker=settings.WORKER_NAME,
        trouble=trouble,
        rests_until=now + PAUSE if trouble else None,
    )
