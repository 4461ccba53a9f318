"""Kill a real process between two steps of a pull, a redrive, an edit or a discard.

Then start again, and check the books. Each point names the function call that the kill
comes just before or just after.
"""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review import archive
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    LifeSign,
    Operation,
    RedrivePolicy,
)
from dlq_review.monitoring import books
from dlq_review.operations import control, plans
from dlq_review.operations.plans import Plan
from dlq_review.redrive import claims
from dlq_review.search.selections import Selection
from processing.events.envelope import Event
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
    send_dead_bodies,
)
from tests.crash_points.system import Point
from tests.dlq_review.policies import active
from tests.s3 import S3

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]

S = DeadLetter.State


def settle_once(point: Point, letter: DeadLetter, event: Event, crash_at: str) -> None:
    """Crash while claimed letters are sent: the redrive takes effect, and only once."""
    point.step("settle", crash_at=crash_at)
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


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


@pytest.mark.long  # the steps of a set hold these
@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.redrive.claims:take_all 1",
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.letters.transitions:_write_trail 2",
        "after dlq_review.redrive.sender:send_claimed 1",
    ],
)
def test_redrive(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    point.step("redrive", event.id, crash_at=crash_at)
    letter.refresh_from_db()
    if letter.state == S.OPEN:  # it died before the claim, so somebody asks again
        redrive_now(letter, by="ada")
    point.drain()
    letter.refresh_from_db()
    assert (letter.state, letter.redrives) == (S.RESOLVED, 1)
    processed_once(event)


REDRIVE_OF_A_SET = [
    "after dlq_review.letters.transitions:_write_trail 1",  # in the claim
    "after dlq_review.redrive.claims:take_all 1",
    "after processing.sqs.batches:send_batch 1",  # of two calls
    "after processing.sqs.publisher:publish_many 1",
    "after dlq_review.letters.transitions:_update 2",  # in the record
    "after dlq_review.letters.transitions:_write_trail 2",
]


@pytest.mark.parametrize("crash_at", REDRIVE_OF_A_SET)
def test_redrive_of_a_set(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead(*events)
    point.drain()
    point.step("redrive_all", crash_at=crash_at)
    letters = DeadLetter.objects.all()
    assert len({letter.state for letter in letters}) == 1, "a set half committed"
    if letters[0].state == S.OPEN:  # it died before the claim, so somebody asks again
        point.step("redrive_all")
    point.drain()
    found = letters.values_list("state", "redrives")
    assert set(found) == {(S.RESOLVED, 1)}
    processed_once(*events)


SCHEDULED = [  # in the order of dlq_review/schedule/runs.py
    "after dlq_review.schedule.runs:_take 1",
    "after dlq_review.schedule.probes:ask 1",
    "after dlq_review.operations.plans:fill 1",
    "after dlq_review.operations.control:start 1",
    "after dlq_review.schedule.runs:_start 1",
    "after dlq_review.schedule.runs:_begin 1",
]


@pytest.mark.parametrize("crash_at", SCHEDULED)
def test_the_run_of_a_policy(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(3)]
    send_dead(*events)
    point.drain()
    policy = active()
    point.step("schedule", crash_at=crash_at)
    RedrivePolicy.objects.update(leased_until=None)  # some time later
    point.step("schedule")
    operation = Operation.objects.get()
    assert (operation.policy, operation.total) == (policy, 3)
    for _ in range(2):
        point.step("operate")
        point.drain()
    point.step("operate")
    operation.refresh_from_db()
    assert operation.state == Operation.State.DONE
    processed_once(*events)


OPERATION = [  # its first step takes one letter, the second takes eleven
    "after dlq_review.redrive.claims:take_all 2",
    "after processing.sqs.batches:send_batch 2",
    "after dlq_review.redrive.sender:send_claimed 2",
    "after dlq_review.operations.recording:write 2",
]


@pytest.mark.long  # a repair has the same steps
@pytest.mark.parametrize("crash_at", OPERATION)
def test_operation(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead(*events)
    point.drain()
    operation = plans.freeze(Selection(), Plan(rate=500), by="ada", reason="test")
    control.start(operation, by="ada")
    point.step("operate", crash_at=crash_at)
    Operation.objects.update(leased_until=timezone.now())  # some time later
    point.drain()
    point.step("operate")
    point.drain()
    point.step("operate")
    states = operation.items.values_list("state", flat=True)
    assert set(states) == {"processed"}
    operation.refresh_from_db()
    assert operation.state == Operation.State.DONE
    processed_once(*events)


REPAIR = [  # its first step takes one letter, the second takes eleven
    "after dlq_review.letters.revisions:_update 2",
    "after dlq_review.operations.recording:write 3",  # of the edits, not committed
    "before dlq_review.redrive.sender:redrive_many 2",  # edited, and not claimed
    "after dlq_review.redrive.claims:take_all 2",
    "after processing.sqs.batches:send_batch 2",
    "after dlq_review.operations.recording:write 4",
]


@pytest.mark.parametrize("crash_at", REPAIR)
def test_repair(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead_bodies(*(event.body.replace('"EUR"', '"euros"') for event in events))
    point.drain()
    patch = [{"op": "replace", "path": "/data/currency", "value": "EUR"}]
    plan = Plan(kind="repair", patch=patch, rate=500)
    operation = plans.freeze(Selection(), plan, by="ada", reason="test")
    control.start(operation, by="ada")
    point.step("operate", crash_at=crash_at)
    Operation.objects.update(leased_until=timezone.now())  # some time later
    for _ in range(3):
        point.drain()
        point.step("operate")
    states = operation.items.values_list("state", flat=True)
    assert set(states) == {"processed"}
    operation.refresh_from_db()
    assert operation.state == Operation.State.DONE
    assert set(DeadLetter.objects.values_list("revision", flat=True)) == {1}
    processed_once(*events)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.letters.settlement:_bury 1",
        "after dlq_review.letters.transitions:_write_trail 1",
        "after dlq_review.letters.settlement:discard_all 1",
    ],
)
def test_discard_of_a_set(point: Point, crash_at: str) -> None:
    events = [order_created() for _ in range(12)]
    send_dead(*events)
    point.drain()
    point.step("discard_all", crash_at=crash_at)
    discarded = DeadLetter.objects.filter(state=S.DISCARDED)
    tombstones = Outcome.objects.filter(kind=Outcome.Kind.DISCARDED)
    assert discarded.count() == tombstones.count() in (0, 12), "a set half committed"
    point.step("discard_all")
    publisher.publish_many(events)  # late copies
    point.drain()
    assert discarded.count() == 12
    assert not Order.objects.exists()
    assert books.close().balanced


@pytest.mark.parametrize(
    "crash_at",
    [
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.redrive.sender:send_claimed 1",
        "after dlq_review.letters.settlement:reconcile 1",
    ],
)
def test_resend_what_was_claimed(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    claims.claim(letter, by="ada", reason="")
    DeadLetter.objects.update(claimed_at=timezone.now() - timedelta(minutes=1))
    settle_once(point, letter, event, crash_at)


@pytest.mark.parametrize(
    "crash_at",
    [
        "after dlq_review.redrive.undo_window:_begin_to_send 1",
        "after processing.sqs.publisher:publish_many 1",
        "after dlq_review.redrive.undo_window:send_due 1",
    ],
)
def test_send_what_is_due(point: Point, crash_at: str) -> None:
    event = order_created()
    letter = pulled(point, event)
    claims.claim(letter, by="ada", reason="", send_after=timezone.now())
    settle_once(point, letter, event, crash_at)


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
