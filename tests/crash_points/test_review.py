"""Kill a real process between two steps of a pull, an archive, an edit or a discard.

Then start again, and check the books. Each point names the function call that the kill
comes just before or just after.
"""

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review import archive
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    LifeSign,
)
from dlq_review.monitoring import books
from processing.models import Order, Outcome
from processing.s3 import bucket
from processing.sqs import publisher
from tests.builders import (
    order_created,
    redrive_now,
)
from tests.crash_points.letters import (
    processed_once,
    pulled,
    send_dead,
)
from tests.crash_points.system import Point
from tests.s3 import S3

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
S = DeadLetter.State


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.sqs.queues:receive 1",
        "after processing.sqs.queues:receive 2",
        "before dlq_review.pull.new_letters:begin 1",
        "after dlq_review.pull.new_letters:begin 1",
        "after dlq_review.pull.new_letters:begin_new 1",
        "after processing.sqs.queues:_delete_batch 1",
        "after processing.sqs.queues:delete 1",
    ],
)
def test_pull(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]  # two receives, and two deletes
    send_dead(*events)
    point.step("pull", crash_at=crash_at)
    point.drain()
    letters = DeadLetter.objects.all()
    assert {one.request_id for one in letters} == {event.id for event in events}
    assert {one.arrival_count for one in letters} == {1}
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.pull.arrivals:_store_arrival 1",
        "after dlq_review.pull.arrivals:join 1",
        "after dlq_review.pull.arrivals:join 2",
    ],
)
def test_pull_of_what_has_a_letter(point: Point, crash_at: str) -> None:
    events = [order_created(), order_created()]
    send_dead(*events)
    point.step("pull")
    send_dead(*events)
    point.step("pull", crash_at=crash_at)
    point.drain()
    assert {one.arrival_count for one in DeadLetter.objects.all()} == {2}
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.archive:_claim 1",
        "after processing.s3.bucket:put 1",
        "after processing.s3.bucket:put 2",
        "after dlq_review.archive:_archive 2",
        "after dlq_review.archive:_archive_all 1",
    ],
)
def test_archive(point: Point, settings: Settings, crash_at: str) -> None:
    settings.ARCHIVE_ENDPOINT_URL = point.server.endpoint
    settings.ARCHIVE_BUCKET = f"{point.prefix}archive"
    bucket.ensure()
    there = S3(settings.ARCHIVE_BUCKET)
    send_dead(*(order_created() for _ in range(3)))
    point.step("pull")
    name = {"ARCHIVE_BUCKET": settings.ARCHIVE_BUCKET}
    point.step("archive_arrivals", crash_at=crash_at, **name)
    before = there.objects()
    assert not archive.may_begin()
    LifeSign.objects.update(rests_until=timezone.now())  # some time later
    point.step("archive_arrivals", **name)
    assert not Arrival.unarchived().exists()
    after = there.objects()
    assert after == before | after
    addresses = {one.archived_to for one in Arrival.objects.all()}
    assert addresses == {there.address(key) for key in after}
    assert len(addresses) == 3


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.revisions:_note_edits 1",
        "after dlq_review.letters.revisions:edit 1",
        "after dlq_review.redrive.claims:take_all 1",
    ],
)
def test_edit_and_redrive(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("edit_and_redrive", event.id, "CUP-2", crash_at=crash_at)
    letter.refresh_from_db()
    if letter.revision == 0:
        assert letter.revisions.count() == 1
        point.step("edit_and_redrive", event.id, "CUP-2")
    elif letter.state == S.OPEN:
        redrive_now(letter, by="ada")
    point.drain()
    processed_once(event)
    assert Order.objects.get().items.get().sku == "CUP-2"


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.settlement:_bury 1",
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.letters.settlement:discard 1",
    ],
)
def test_discard(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("discard", event.id, crash_at=crash_at)
    letter.refresh_from_db()
    tombstone = Outcome.objects.filter(kind=Outcome.Kind.DISCARDED)
    assert tombstone.exists() == (letter.state == S.DISCARDED)
    if letter.state == S.OPEN:
        point.step("discard", event.id)
    publisher.publish(event)  # a late copy
    point.drain()
    letter.refresh_from_db()
    assert letter.state == S.DISCARDED
    assert not Order.objects.exists()
    assert books.close().balanced


def test_of_two_who_redrive_at_once_one_is_told(point: Point) -> None:
    event = order_created()
    letter = pulled(point, event)
    said = sorted(point.race("redrive_at", event.id))
    # The slower one may begin to look only after the other is done.
    assert said in (
        ["ChangedMeanwhileError", "redriven"],
        ["WrongStateError", "redriven"],
    )
    point.drain()
    letter.refresh_from_db()
    assert letter.redrives == 1
    assert letter.audit.filter(verb=AuditEntry.Verb.SENT).count() == 1
    processed_once(event)
