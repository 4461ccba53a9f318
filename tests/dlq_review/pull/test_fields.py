"""What a letter and its arrival keep of a message, its attempts and what a worker said."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from dlq_review.models import Arrival, DeadLetter
from dlq_review.pull import new_letters, puller, refused_by_sqs
from processing.delivery import processor, spool
from processing.metrics.declared import ARRIVED
from processing.models import SpooledEvent
from tests.builders import (
    dead_letter,
    dead_message,
    failed_attempt,
    failure,
    message,
    order_created,
    signup_requested,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_of_several_attempts_the_last_is_the_reason() -> None:
    event, now = order_created(), timezone.now()
    for age, error in ((1, "Last"), (9, "First")):
        at = now - timedelta(seconds=age)
        failed_attempt(event, started_at=at, error_type=error, release=error.lower())
    letter = dead_letter(event)
    assert (letter.error_type, letter.release) == ("Last", "last")
    assert letter.first_failed_at == letter.last_failed_at == now - timedelta(seconds=1)


@pytest.mark.parametrize(("seconds", "error"), [(50, "AnError"), (70, "NoReport")])
def test_an_attempt_before_the_message_was_sent_was_of_another(
    seconds: int, error: str
) -> None:
    """The clocks of two machines may differ by a minute."""
    event, now = order_created(), timezone.now()
    began = now - timedelta(seconds=seconds)
    failed_attempt(event, started_at=began, error_type="AnError")
    assert dead_letter(event, sent_at=now).error_type == error


def test_each_message_of_a_page_has_its_own_attempts_by_its_own_time() -> None:
    old, new, none = [order_created() for _ in "abc"]
    now = timezone.now()
    for event in (old, new):
        failed_attempt(event, started_at=now - 2 * DAY, error_type="TwoDaysAgo")
    pulled = new_letters.look_at(
        [
            dead_message(old, sent_at=now - 3 * DAY),
            dead_message(new, sent_at=now),
            dead_message(none, sent_at=now - 3 * DAY),
        ]
    )
    assert [(one.failure.error_type, one.failure.failed_at) for one in pulled] == [
        ("TwoDaysAgo", now - 2 * DAY),
        ("NoReport", now),
        ("NoReport", now - 3 * DAY),
    ]


def test_what_a_worker_says_is_masked_and_cut() -> None:
    event = order_created(email="ada@example.com")
    told = failure(
        error_type="ada@example.com is no Error",
        error_text="no order of ada@example.com",
        release="built for ada@example.com",
    )
    letter = dead_letter(event, attributes=told)
    for text in (letter.error_type, letter.error_text, letter.release):
        assert text
        assert "ada@" not in text
    long = failure(error_type="E" * 900, error_text="t" * 900, release="r" * 900)
    letter = dead_letter(order_created(), attributes=long)
    lengths = [len(one) for one in (letter.error_type, letter.error_text)]
    assert lengths == [200, 500]
    assert len(letter.release) <= 100


@pytest.mark.parametrize(("told", "kept"), [("c-1", "c-1"), ("c 1\n", ""), ("", "")])
def test_the_correlation_id_is_kept_where_it_is_one(told: str, kept: str) -> None:
    assert dead_letter(attributes={"correlation_id": told}).correlation_id == kept


def test_a_letter_is_settled_from_its_first_arrival_where_it_was_processed() -> None:
    processor.handle(message(event := order_created()))
    before = timezone.now()
    settled, waiting = dead_letter(event), dead_letter()
    assert settled.settled_at is not None
    assert before <= settled.settled_at <= timezone.now()
    assert waiting.settled_at is None
    assert settled.audit.get(verb="pulled").reason.startswith("Already processed")
    assert waiting.audit.get(verb="pulled").reason == ""
    assert [one.audit.get().after for one in (settled, waiting)] == ["resolved", "open"]


def test_an_arrival_keeps_the_types_of_its_attributes() -> None:
    dead_letter(attributes={"n": "1"}, types={"n": "Number"}, receive_count=7)
    arrival = Arrival.objects.get()
    assert (arrival.attributes, arrival.attribute_types, arrival.receive_count) == (
        {"n": "1"},
        {"n": "Number"},
        7,
    )


def test_messages_that_were_stored_are_counted_by_queue_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(
        ARRIVED.__class__, "count", lambda _, name: counted.append(name)
    )
    monkeypatch.setattr(puller, "_delete", lambda *_: 0)
    event = order_created()
    first = dead_message(event)
    page = [first, dead_message(event), dead_message(order_created())]
    done = puller.PullCounts()
    for _ in range(2):
        puller.store_set("orders-dlq", page, done)
    assert (done.stored, done.known, counted) == (3, 3, ["orders"] * 3)


def test_what_sqs_refused_keeps_its_time_its_trace_and_its_ids(
    settings: Any,
) -> None:
    settings.RELEASE = "r7"
    event, at = order_created(order_id="ORD-1"), timezone.now() - DAY
    spool.add(event, "InvalidMessageContents")
    SpooledEvent.objects.update(
        created_at=at, refused_for_good=True, trace=f"{PARENT} vendor=1"
    )
    before = timezone.now()
    assert refused_by_sqs.adopt() == 1
    letter = DeadLetter.objects.get()
    assert (letter.sent_at, letter.release, letter.attempts) == (at, "r7", 1)
    assert before <= letter.last_failed_at <= timezone.now()
    assert letter.correlation_id == event.correlation_id
    kept = letter.arrivals.get().attributes
    assert (kept["traceparent"], kept["tracestate"]) == (PARENT, "vendor=1")


def test_what_sqs_refused_waits_under_the_queue_of_its_type() -> None:
    spool.add(signup_requested(), "InvalidMessageContents")
    SpooledEvent.objects.update(refused_for_good=True)
    assert refused_by_sqs.adopt() == 1
    arrival = Arrival.objects.get()
    assert (arrival.letter.queue, arrival.dlq) == ("signups", "signups-dlq")
    assert arrival.receive_count == 1


def test_of_what_sqs_refused_the_oldest_are_taken_and_no_more_than_asked() -> None:
    events = [order_created() for _ in range(3)]
    for age, event in enumerate(events):
        spool.add(event, "InvalidMessageContents")
        row = SpooledEvent.objects.filter(pk=event.id)
        row.update(created_at=timezone.now() - age * DAY, refused_for_good=True)
    assert refused_by_sqs.adopt(2) == 2
    assert SpooledEvent.objects.get().pk == events[0].id


@pytest.mark.parametrize("told", ["a b", "x" * 101, 7, ["r-1"]])
def test_an_id_that_no_request_has_is_not_believed_of_a_worker(told: object) -> None:
    first = dead_letter("no event", attributes=failure(request_id=told))
    assert first.request_id not in ("a b", "x" * 101, "7", "['r-1']")
    assert dead_letter("no event", attributes=failure(request_id=told)) != first


def test_what_sqs_refused_and_no_contract_knows_is_quarantined() -> None:
    spool.add(order_created(id="r-1"), "InvalidMessageContents")
    SpooledEvent.objects.update(body="{}", refused_for_good=True)
    assert refused_by_sqs.adopt() == 1
    letter = DeadLetter.objects.get()
    assert (letter.request_id, letter.state) == ("r-1", "quarantined")
