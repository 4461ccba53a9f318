import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from celery.exceptions import SoftTimeLimitExceeded
from django.test import Client
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    FailureCount,
    FailureGroup,
)
from dlq_review.monitoring import health
from dlq_review.pull import arrivals, new_letters, puller, receiving
from processing.delivery import processor
from processing.handlers import registry
from processing.models import UnderReview
from processing.sqs import publisher, queues
from processing.sqs.message import Message
from tests.builders import (
    dead_letter,
    dead_message,
    failure,
    message,
    order_created,
    order_updated,
    redriven,
)

pytestmark = pytest.mark.django_db

BROKEN = '{"invalid_json": "this will cause a parsing error"'


def send_to_dlq(body: str, queue: str = "orders") -> None:
    publisher.dead_letter(message(body, queue=queue), {"error_type": "SomeError"})


def test_a_pulled_message_is_stored_with_all_it_carried_and_leaves_the_dlq(
    sqs: None,
) -> None:
    event = order_created(order_id="ORD-7")
    processor.handle(message(event.body.replace("EUR", "XXX")))
    done = puller.pull()
    letter = DeadLetter.objects.get()
    assert (done.stored, done.left) == (1, 0)
    assert queues.receive("orders-dlq") == []
    assert (letter.request_id, letter.queue, letter.type) == (
        event.id,
        "orders",
        "order_created",
    )
    assert letter.reference == "ORD-7"
    assert letter.error_type == "InvalidEventError"
    assert "data.currency" in letter.error_text
    assert letter.arrivals.get().body == event.body.replace("EUR", "XXX")
    assert letter.revisions.get().number == 0
    assert UnderReview.objects.filter(request_id=event.id).exists()


def test_a_body_that_is_no_event_is_quarantined_byte_for_byte(sqs: None) -> None:
    send_to_dlq(BROKEN)
    puller.pull()
    letter = DeadLetter.objects.get()
    assert letter.state == "quarantined"
    assert letter.arrivals.get().body == BROKEN


@pytest.mark.parametrize(
    "body", ["plain words", "[1, 2]", '{"type": "launch_rocket"}', "", "\x00", "{}"]
)
def test_whatever_arrives_is_kept_and_quarantined(body: str) -> None:
    assert dead_letter(body).state == "quarantined"


def test_a_dead_job_is_quarantined() -> None:
    letter = dead_letter('{"job": "dlq_review.pull"}', queue="jobs-dlq")
    assert (letter.queue, letter.state) == ("jobs", "quarantined")


def test_a_crash_after_the_commit_pulls_the_message_again_and_adds_nothing(
    sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_to_dlq(order_created().body)

    def crash(*_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="sqs")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "VISIBILITY", 0)
        patch.setattr(queues, "delete", crash)
        assert puller.pull(["orders-dlq"], seconds=0.1).stored == 1
    done = puller.pull()
    assert (done.stored, done.known) == (0, 1)
    assert Arrival.objects.count() == 1
    assert DeadLetter.objects.get().arrival_count == 1
    assert queues.depth("orders-dlq").visible == 0


def test_a_message_that_cannot_be_stored_stays_and_blocks_nobody(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    send_to_dlq(BROKEN)
    send_to_dlq(order_created().body)
    fields = new_letters.arrival_fields

    def fail_for_broken(pulled: Any) -> dict[str, Any]:
        if pulled.body == BROKEN:
            raise RuntimeError("disk")
        return fields(pulled)

    for module in (new_letters, arrivals):
        monkeypatch.setattr(module, "arrival_fields", fail_for_broken)
    done = puller.pull()
    assert (done.stored, done.left) == (1, 1)
    assert DeadLetter.objects.count() == 1  # nothing half stored
    assert queues.depth("orders-dlq").in_flight == 1
    (orders,) = (one for one in health.depths() or [] if one.name == "orders")
    assert orders.dead == 1  # it is still there, though it is being looked at
    assert "this will cause" not in caplog.text
    assert "pull=done stored=1 known=0 left=1" in caplog.messages
    assert "stored_at_once=0 reason=RuntimeError" in caplog.messages


@pytest.mark.parametrize("stored_at_once", [True, False])
def test_a_pull_that_is_told_to_stop_stops_and_leaves_the_rest_in_the_dlq(
    sqs: None, monkeypatch: pytest.MonkeyPatch, stored_at_once: bool
) -> None:
    for _ in range(3):
        send_to_dlq(order_created().body)

    def reach_the_limit(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    if stored_at_once:
        monkeypatch.setattr(puller, "begin_new", reach_the_limit)
    else:
        monkeypatch.setattr(puller, "begin_new", lambda _: [])
        monkeypatch.setattr(arrivals, "_store_arrival", reach_the_limit)
    with pytest.raises(SoftTimeLimitExceeded):
        puller.pull()
    assert not DeadLetter.objects.exists()
    assert queues.depth("orders-dlq").in_flight == 3, "nothing half done is deleted"


def test_a_pull_ends_before_beat_asks_for_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count()  # a second passes whenever somebody looks at it
    for module in (puller, receiving):
        monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    # It is never empty.
    monkeypatch.setattr(receiving, "receive_set", lambda _: [dead_message("{}")])
    monkeypatch.setattr(puller, "store_set", lambda *_: None)
    monkeypatch.setattr(health, "check_queues", lambda: None)
    tasks.pull()
    assert 20 < next(clock) < settings.CELERY_BEAT_SCHEDULE["pull"]["schedule"]


@pytest.mark.parametrize("flooded", puller.DLQS)
def test_a_flood_in_one_dlq_keeps_no_other_from_being_pulled(
    monkeypatch: pytest.MonkeyPatch, flooded: str
) -> None:
    clock = [0.0]
    monkeypatch.setattr(puller, "monotonic", lambda: clock[0])
    pulled = set()

    def sets(dlq: str, until: float) -> Iterator[list[Message]]:
        if clock[0] < until:
            pulled.add(dlq)
            clock[0] += 60 if dlq == flooded else 0
        yield from ()

    monkeypatch.setattr(receiving, "sets", sets)
    for _ in range(100):
        puller.pull(seconds=60)
    assert pulled == set(puller.DLQS)


def test_a_queue_that_does_not_answer_does_not_stop_the_pull(
    no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="sqs")

    monkeypatch.setattr(queues, "receive", refuse)
    assert puller.pull().received == 0


def test_what_was_received_before_sqs_went_away_is_stored(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send_to_dlq(order_created().body)
    receive = queues.receive
    answers = iter([receive])

    def once(*args: Any, **more: Any) -> Any:
        for answer in answers:
            return answer(*args, **more)
        raise EndpointConnectionError(endpoint_url="sqs")

    monkeypatch.setattr(queues, "receive", once)
    assert puller.pull(["orders-dlq"]).stored == 1
    told = "queue=orders-dlq call=pull failed=EndpointConnectionError"
    assert caplog.text.count(told) == 2, "for this set, and for the next"


def test_what_sqs_refuses_to_delete_is_reported_and_pulled_again(
    sqs: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send_to_dlq(order_created().body)
    monkeypatch.setattr(queues, "delete", lambda queue, handles: list(handles))
    puller.pull()
    assert "not_deleted=1" in caplog.text


def test_the_reason_a_worker_sent_along_is_the_reason_shown() -> None:
    letter = dead_letter(attributes=failure())
    assert letter.error_type == "OrderExistsError"
    assert letter.release == "r1"
    assert letter.last_failed_at.isoformat() == "2026-11-20T10:00:00+00:00"


def test_the_attempts_tell_why_sqs_itself_moved_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = order_created()

    def fail(_: Any) -> None:
        raise TimeoutError("the shop is closed")

    monkeypatch.setitem(registry.HANDLERS, "order_created", fail)
    delivered = message(event, receive_count=3)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(delivered)
    letter = dead_letter(event, id=delivered.id)
    assert (letter.error_type, letter.error_text) == (
        "TimeoutError",
        "the shop is closed",
    )
    assert letter.attempts == 3


def test_attempts_without_a_report_are_named_as_such() -> None:
    letter = dead_letter(receive_count=4)
    assert letter.error_type == "NoReport"
    assert letter.error_text.startswith("3 attempts ended without a report")


@pytest.mark.parametrize("told", ["", "not json", "[]", '{"error_type": 7}'])
def test_a_reason_that_cannot_be_read_is_as_good_as_none(told: str) -> None:
    assert dead_letter(attributes={"failure": told}).error_type == "NoReport"


def test_a_second_arrival_joins_the_same_letter() -> None:
    event = order_created()
    first = dead_letter(event)
    second = dead_letter(event)
    assert first == second
    assert second.arrival_count == 2
    assert second.state == "open"


def test_the_same_request_on_two_queues_makes_two_letters() -> None:
    event = order_created()
    assert dead_letter(event) != dead_letter(event, queue="emails-dlq")


def test_a_request_that_was_processed_already_is_resolved_at_once() -> None:
    event = order_created()
    processor.handle(message(event))
    letter = dead_letter(event)
    assert letter.state == "resolved"
    assert not UnderReview.objects.exists()
    assert FailureGroup.objects.get().waiting == 0


def test_a_request_id_used_for_another_request_stays_open() -> None:
    first = order_created()
    processor.handle(message(first))
    letter = dead_letter(order_created(id=first.id))
    assert letter.state == "open"


def sent(letter: DeadLetter) -> DeadLetter:
    DeadLetter.objects.filter(pk=letter.pk).update(
        state="redriven", redrive_id="6ba7b811-9dad-11d1-80b4-00c04fd430c8", redrives=1
    )
    letter.refresh_from_db()
    return letter


def test_a_redriven_letter_that_arrives_again_is_open_and_failed_again() -> None:
    event = order_created()
    letter = sent(dead_letter(event))
    dead_letter(event, attributes=redriven(letter) | failure())
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.failed_again
    assert letter.error_type == "OrderExistsError"
    assert letter.audit.filter(verb=AuditEntry.Verb.FAILED_AGAIN).exists()


def test_a_late_copy_of_the_original_does_not_undo_a_redrive() -> None:
    event = order_created()
    letter = sent(dead_letter(event))
    dead_letter(event)
    letter.refresh_from_db()
    found = (letter.state, letter.arrival_count, letter.revision)
    assert found == ("redriven", 2, 0)


def test_another_body_under_the_id_of_a_redriven_letter_is_never_hidden() -> None:
    event = order_created()
    letter = sent(dead_letter(event))
    other = order_created(id=event.id)
    dead_letter(other)
    letter.refresh_from_db()
    assert (letter.state, letter.revision) == ("open", 1)
    assert letter.revisions.get(number=1).body == other.body


def test_another_body_under_the_id_of_a_letter_gives_it_its_names() -> None:
    letter = dead_letter(order_created(id="r-1", order_id="ORD-1"))
    dead_letter("no event", attributes=failure(request_id="r-1"))
    letter.refresh_from_db()
    assert (letter.type, letter.reference, letter.customer_id) == ("", "", "")
    assert (letter.state, letter.body_fingerprint) == ("quarantined", "")
    last = order_updated(order_id="ORD-2", customer_id="C-9")
    assert dead_letter(last.body.replace(last.id, "r-1")) == letter
    letter.refresh_from_db()
    assert (letter.type, letter.reference) == ("order_updated", "ORD-2")
    assert (letter.customer_id, letter.state) == ("C-9", "open")
    revision = letter.revisions.get(number=2)
    assert letter.body_fingerprint == revision.fingerprint != ""
    assert revision.reason == "Another body arrived under this request id."


def test_a_resolved_letter_that_arrives_again_is_a_regression() -> None:
    event = order_created()
    letter = dead_letter(event)
    DeadLetter.objects.filter(pk=letter.pk).update(state="resolved")
    dead_letter(event)
    letter.refresh_from_db()
    assert letter.state == "open"
    assert letter.audit.filter(verb=AuditEntry.Verb.REGRESSED).exists()


def test_a_discarded_letter_stays_discarded_and_keeps_the_arrival() -> None:
    event = order_created()
    letter = dead_letter(event)
    DeadLetter.objects.filter(pk=letter.pk).update(state="discarded")
    dead_letter(event)
    letter.refresh_from_db()
    found = (letter.state, letter.arrival_count, letter.revision)
    assert found == ("discarded", 2, 0)


def test_failures_that_belong_together_share_a_group_and_its_counters() -> None:
    for number in range(3):
        dead_letter(attributes=failure(error_text=f"Another order has id ORD-{number}"))
    dead_letter(attributes=failure(error_type="OtherError"))
    group = FailureGroup.objects.get(error_type="OrderExistsError")
    assert group.waiting == 3
    assert FailureCount.objects.get(group=group).arrivals == 3


def test_a_letter_that_fails_in_another_way_changes_its_group() -> None:
    event = order_created()
    letter = sent(dead_letter(event, attributes=failure()))
    FailureGroup.objects.update(waiting=0, redriven=1)
    dead_letter(event, attributes=redriven(letter) | failure(error_type="OtherError"))
    old, new = FailureGroup.objects.order_by("pk")
    assert (old.redriven, old.waiting, new.waiting) == (0, 0, 1)
    assert old.state == "resolved"


def test_a_message_with_a_nul_in_it_can_still_be_stored() -> None:
    pulled = dead_message("a\x00b", attributes={"x": "c\x00"})
    assert arrivals.join(pulled)
    assert Arrival.objects.get().attributes == {"x": "c\ufffd"}


@pytest.mark.parametrize("receives", [0, 1, 2, 3])
def test_what_was_received_too_seldom_was_put_on_the_dlq_by_others(
    desk: Client, receives: int
) -> None:
    letter = dead_letter(receive_count=receives)
    assert letter.error_type == "NoAttempt"
    assert letter.error_text.startswith("No worker received it: somebody else put it")
    assert letter.attempts == 0
    page = desk.get(f"/admin/dlq_review/deadletter/{letter.pk}/change/")
    text = page.content.decode()
    assert "None: no worker received it." in text
    assert "ended without a report" not in text


@pytest.mark.parametrize(
    ("changes", "attempts"),
    [
        ({"receive_count": 4}, 3),
        ({"receive_count": 2, "moved_by_sqs": True}, 1),  # under another redrive policy
        ({"receive_count": 1, "moved_by_sqs": True}, 1),
        ({"receive_count": 9}, 8),
    ],
)
def test_what_sqs_moved_was_attempted(changes: dict[str, Any], attempts: int) -> None:
    letter = dead_letter(**changes)
    assert (letter.error_type, letter.attempts) == ("NoReport", attempts)


def test_a_message_put_on_the_dlq_directly_is_pulled_as_such(sqs: None) -> None:
    body = order_created().body
    queues.client().send_message(QueueUrl=queues.url("orders-dlq"), MessageBody=body)
    puller.pull(["orders-dlq"])
    letter = DeadLetter.objects.get()
    assert (letter.error_type, letter.state) == ("NoAttempt", "open")
