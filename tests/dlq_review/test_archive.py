"""What was pulled is copied to S3 whatever S3 does meanwhile, and never in the way."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from threading import Event as Moment
from typing import Any, NoReturn
from unittest.mock import Mock

import pytest
import time_machine
from botocore.exceptions import ClientError
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from dlq_review import archive, tasks
from dlq_review.letters import retention, settlement
from dlq_review.models import AlertDelivery, Arrival, DeadLetter, LifeSign
from dlq_review.monitoring import health
from dlq_review.pull import puller
from dlq_review.retention import rows
from processing.events.envelope import Event
from processing.s3 import bucket
from processing.sqs import publisher, queues
from processing.sqs.topology import QUEUES
from tests.builders import dead_letter, message, order_created
from tests.dlq_review.threads import together
from tests.s3 import S3

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(days=500)
MINUTE = timedelta(minutes=1)


def arrival(body: str | Event | None = None, **changes: Any) -> Arrival:
    return dead_letter(body, **changes).arrivals.get()


def run() -> int:
    return archive.run(seconds=20)


def refuse(*_: object) -> NoReturn:
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")


# -- What is archived ------------------------------------------------------------------


def test_an_arrival_is_stored_as_it_was_pulled_and_knows_where(s3: S3) -> None:
    attributes = {"note": "for Jürgen", "picture": "AAE="}
    types = {"picture": "Binary"}
    one = arrival(order_created(id="r-1"), attributes=attributes, types=types)
    assert run() == 1
    one.refresh_from_db()
    key = f"failed/{one.message_id}.json"
    assert one.archived_to == s3.address(key)
    assert one.archived_at is not None
    assert json.loads(s3.objects()[key]) == {
        "message": one.body,
        "attributes": attributes,
        "attribute_types": types,
        "message_id": one.message_id,
        "request_id": "r-1",
        "original_queue": "orders",
        "dlq": "orders-dlq",
        "receive_count": one.receive_count,
        "sent_at": one.sent_at.isoformat(),
        "pulled_at": one.pulled_at.isoformat(),
    }


@pytest.mark.parametrize(
    "body",
    [
        "no event",
        '{"half":',
        '"',
        "\\",
        " \r\n\t{ } \n",
        "\ufeff{}",
        "\u2028\x85\x7f \U0001f4e6 e\u0301 \u00e9",
        "[1e400, NaN]",
        "x" * (1024 * 1024),
    ],
)
def test_a_body_that_is_no_json_is_stored_character_by_character(
    s3: S3, body: str
) -> None:
    arrival(body)
    assert run() == 1
    (content,) = s3.objects().values()
    assert json.loads(content)["message"] == body


def test_what_was_pulled_before_there_was_an_archive_is_archived_too(
    s3: S3, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "STEP", 5)
    name, settings.ARCHIVE_BUCKET = settings.ARCHIVE_BUCKET, ""
    for _ in range(archive.STEP + 1):
        dead_letter()
    assert (run(), archive.may_begin()) == (0, False)
    settings.ARCHIVE_BUCKET = name
    assert archive.may_begin()
    assert run() == archive.STEP + 1
    assert len(s3.objects()) == archive.STEP + 1
    assert (run(), archive.may_begin()) == (0, False)


def test_each_copy_of_a_request_is_archived(s3: S3) -> None:
    event = order_created()
    letter = dead_letter(event)
    dead_letter(event)
    assert run() == 2
    ids = letter.arrivals.values_list("message_id", flat=True)
    assert set(s3.objects()) == {f"failed/{one}.json" for one in ids}


def test_the_setting_lays_out_the_keys(s3: S3, settings: Settings) -> None:
    settings.ARCHIVE_KEY = "failed/{queue}/{date}/{message_id}.json"
    sent_at = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)
    arrival(id="spool/r-1/ab", sent_at=sent_at, queue="signups-dlq")
    run()
    assert set(s3.objects()) == {"failed/signups/2026-11-24/spool%2Fr-1%2Fab.json"}


def test_an_arrival_of_a_queue_that_is_declared_no_more_is_archived(s3: S3) -> None:
    one = arrival()
    Arrival.objects.filter(pk=one.pk).update(dlq="faxes-dlq")
    run()
    (content,) = s3.objects().values()
    assert json.loads(content)["original_queue"] == "faxes-dlq"


def test_the_address_tells_where_an_object_is_also_after_the_setting_changed(
    s3: S3, settings: Settings
) -> None:
    one, other = arrival(), arrival()
    first, second = (f"failed/{each.message_id}.json" for each in (one, other))
    assert archive.address_of(one) == s3.address(first), (
        "a crash may have left it there"
    )
    run()
    settings.ARCHIVE_KEY = "elsewhere/{message_id}"
    for each, key in ((one, first), (other, second)):
        each.refresh_from_db()
        assert archive.address_of(each) == s3.address(key)
    settings.ARCHIVE_BUCKET = ""
    assert archive.address_of(one) == s3.address(first)
    assert archive.address_of(arrival()) == ""


# -- While S3 is away ------------------------------------------------------------------


def test_the_first_error_ends_the_run_and_all_is_caught_up_later(
    s3: S3, settings: Settings
) -> None:
    for _ in range(5):
        dead_letter()
    there, settings.ARCHIVE_ENDPOINT_URL = (
        settings.ARCHIVE_ENDPOINT_URL,
        "http://127.0.0.1:9",
    )
    begun = time.monotonic()
    assert run() == 0
    assert time.monotonic() - begun < 5, "each waited for it"
    assert not archive.may_begin(), "no pause"
    assert "takes nothing (EndpointConnectionError)" in "".join(health.warnings())
    settings.ARCHIVE_ENDPOINT_URL = there
    assert run() == 0, "it pauses"
    with time_machine.travel(timezone.now() + archive.PAUSE, tick=True):
        assert archive.may_begin()
        assert run() == 5
    assert len(s3.objects()) == 5
    assert "takes nothing" not in "".join(health.warnings())


def test_a_refused_object_holds_up_no_other(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "STEP", 5)
    first = arrival()
    for _ in range(archive.STEP):
        dead_letter()
    put = bucket.put

    def put_others(key: str, content: bytes) -> str:
        return refuse() if first.message_id in key else put(key, content)

    monkeypatch.setattr(bucket, "put", put_others)
    assert run() == archive.STEP
    assert list(Arrival.unarchived()) == [first]
    assert "does not take everything (AccessDenied)" in "".join(health.warnings())


def test_a_bucket_that_refuses_all_is_asked_a_few_times_only(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(archive.MOST_REFUSED + 1):
        dead_letter()
    asked = Mock(side_effect=refuse)
    monkeypatch.setattr(bucket, "put", asked)
    assert run() == 0
    assert asked.call_count == archive.MOST_REFUSED
    assert "takes nothing (AccessDenied)" in "".join(health.warnings())


def test_a_refusal_in_the_middle_loses_nothing(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        dead_letter()
    put, asked = bucket.put, Counter[str]()

    def put_one(key: str, content: bytes) -> str:
        asked["put"] += 1
        return put(key, content) if asked["put"] != 2 else refuse()

    monkeypatch.setattr(bucket, "put", put_one)
    assert run() == 2
    assert Arrival.unarchived().count() == 1
    LifeSign.objects.update(rests_until=None)
    assert run() == 1
    assert len(s3.objects()) == 3


def test_a_bucket_that_is_gone_is_named_on_the_overview(
    s3: S3, settings: Settings
) -> None:
    dead_letter()
    settings.ARCHIVE_BUCKET = "gone"
    assert run() == 0
    assert "The archive s3://gone takes nothing (NoSuchBucket)" in "".join(
        health.warnings()
    )
    bucket.ensure()
    with time_machine.travel(timezone.now() + archive.PAUSE, tick=True):
        assert run() == 1


def test_a_pull_does_not_notice_an_s3_that_hangs(
    sqs: None, silent: str, settings: Settings
) -> None:
    settings.ARCHIVE_ENDPOINT_URL, settings.ARCHIVE_BUCKET = silent, "archive"
    for _ in range(3):
        publisher.dead_letter(message(order_created()), {})
    begun = time.monotonic()
    assert puller.pull().stored == 3
    assert time.monotonic() - begun < 5
    assert queues.depth("orders-dlq") == queues.Depth(0, 0)
    assert Arrival.unarchived().count() == 3


def test_a_run_leaves_the_worker_to_others_after_its_time(s3: S3) -> None:
    for _ in range(3):
        dead_letter()
    assert archive.run(seconds=0) == 0
    assert archive.may_begin(), "no pause is needed"
    assert run() == 3


def test_a_crash_before_the_note_repeats_the_put_with_the_same_bytes(
    s3: S3,
) -> None:
    one = arrival(attributes={"b": "1", "a": "2"})
    run()
    before = s3.objects()
    Arrival.objects.update(archived_at=None, archived_to="")
    dead_letter(order_created(id=one.letter.request_id))  # its letter has changed
    Arrival.objects.exclude(pk=one.pk).update(archived_at=timezone.now())
    assert run() == 1
    assert s3.objects() == before


# -- Two at once -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_archivers_at_once_one_works(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(8):
        dead_letter()
    put, puts, done = bucket.put, Counter[str](), []

    def put_slowly(key: str, content: bytes) -> str:
        puts[key] += 1
        return put(key, content)

    monkeypatch.setattr(bucket, "put", put_slowly)

    def work() -> None:
        done.append(run())

    together(work, work, work)
    assert sum(done) == 8
    assert set(puts.values()) == {1}
    assert len(s3.objects()) == 8


def test_the_claim_outlasts_a_job_and_lapses(s3: S3) -> None:
    dead_letter()
    assert archive.LEASE.total_seconds() > QUEUES["jobs"].time_limit
    assert archive._claim()  # and the process is killed
    assert not archive.may_begin()
    assert run() == 0
    with time_machine.travel(timezone.now() + archive.LEASE, tick=True):
        assert archive.may_begin()
        assert run() == 1


def test_an_archiver_that_lost_its_claim_does_not_end_the_claim_of_another(
    s3: S3,
) -> None:
    old = archive._claim()
    assert old
    with time_machine.travel(timezone.now() + archive.LEASE, tick=True):
        new = archive._claim()
        archive._release(old, "")
        assert LifeSign.objects.get(name="archive").rests_until == new


def test_a_claim_by_a_machine_whose_clock_is_days_ahead_stops_nobody(s3: S3) -> None:
    dead_letter()
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert archive._claim()
    assert archive.may_begin()
    assert run() == 1


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded, MemoryError])
def test_a_run_that_was_cut_short_says_so_and_goes_on_in_a_minute(
    s3: S3, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    dead_letter()
    with monkeypatch.context() as patched, pytest.raises(error):
        patched.setattr(bucket, "put", lambda *_: (_ for _ in ()).throw(error()))
        run()
    assert not archive.may_begin()
    assert "cut short" in "".join(health.warnings())
    with time_machine.travel(timezone.now() + archive.PAUSE, tick=True):
        assert run() == 1


@pytest.mark.django_db(transaction=True)
def test_pulls_purges_and_archivers_at_once_lose_no_body(s3: S3) -> None:
    events = [order_created() for _ in range(20)]
    bodies = Counter(one.body for one in events for _ in range(2))
    over = Moment()

    def fail_and_settle() -> None:
        try:
            for one in events:
                letter = dead_letter(one)
                settlement.discard(letter, by="ada", reason="x")
                DeadLetter.objects.filter(pk=letter.pk).update(settled_at=LONG_AGO)
                dead_letter(one)  # a late copy
        finally:
            over.set()

    def meanwhile(work: Callable[[], int]) -> Callable[[], None]:
        def repeat() -> None:
            while not over.wait(0.01):
                work()

        return repeat

    together(fail_and_settle, meanwhile(run), meanwhile(run), meanwhile(purge))
    run()
    archived = Counter(json.loads(one)["message"] for one in s3.objects().values())
    assert archived == bodies
    assert not Arrival.unarchived().exists()
    assert not Arrival.objects.filter(archived_to="").exists()


# -- The purge -------------------------------------------------------------------------


def settled() -> DeadLetter:
    letter = dead_letter()
    settlement.discard(letter, by="ada", reason="x")
    DeadLetter.objects.filter(pk=letter.pk).update(settled_at=LONG_AGO)
    return letter


def purge() -> int:
    return retention.purge(timezone.now() - timedelta(days=90))


def test_a_body_is_purged_only_once_it_is_archived(s3: S3) -> None:
    letter = settled()
    assert (purge(), retention.due(timezone.now())) == (0, 0)
    assert not retention.has_texts(timezone.now()), "beat would ask each minute"
    run()
    assert retention.due(timezone.now()) == 1
    assert purge() == 1
    one = letter.arrivals.get()
    assert (one.body, one.archived_to != "") == ("", True)
    assert len(s3.objects()) == 1


def test_a_row_is_deleted_only_once_it_is_archived(s3: S3) -> None:
    settled()
    assert (rows.purge()["dlq_review.DeadLetter"], [*rows.due()]) == (0, [])
    run()
    assert rows.purge()["dlq_review.DeadLetter"] == 1


def test_without_an_archive_the_purge_waits_for_nothing() -> None:
    settled()
    assert purge() == 1


def test_a_letter_that_waits_for_the_archive_holds_up_no_other(s3: S3) -> None:
    for _ in range(3):
        settled()
    run()
    waits = settled()
    dead_letter()  # it is not settled
    assert purge() == 3
    assert retention.unarchived(timezone.now()).get() == waits


def test_a_copy_that_came_in_the_moment_of_the_lock_is_not_purged(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = settled()
    # As where the copy is committed behind the look and before the lock.
    monkeypatch.setattr(retention, "_due", retention._settled)
    assert purge() == 0
    assert one.arrivals.get().body


def test_a_purge_during_a_put_waits(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    settled()
    put, purged = bucket.put, []

    def put_while_purging(key: str, content: bytes) -> str:
        purged.append(purge())
        return put(key, content)

    monkeypatch.setattr(bucket, "put", put_while_purging)
    run()
    assert purged == [0]
    (content,) = s3.objects().values()
    assert json.loads(content)["message"]


def test_what_was_purged_before_there_was_an_archive_makes_no_empty_object(
    s3: S3, settings: Settings
) -> None:
    name, settings.ARCHIVE_BUCKET = settings.ARCHIVE_BUCKET, ""
    letter = settled()
    assert purge() == 1
    settings.ARCHIVE_BUCKET = name
    assert run() == 1
    assert s3.objects() == {}
    one = letter.arrivals.get()
    assert (one.archived_to, archive.address_of(one)) == ("", "")
    assert not archive.may_begin()


@pytest.mark.parametrize("erased", ["row", "body"])
def test_an_erasure_in_the_moment_of_a_put_is_told_of(
    s3: S3,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    erased: str,
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    one = arrival()
    put = bucket.put

    def put_while_erasing(key: str, content: bytes) -> str:
        if erased == "row":
            Arrival.objects.all().delete()
        else:
            Arrival.objects.update(body="", attributes={})
        return put(key, content)

    monkeypatch.setattr(bucket, "put", put_while_erasing)
    assert run() == 1
    address = s3.address(f"failed/{one.message_id}.json")
    assert AlertDelivery.objects.get(kind="erased").sentence.endswith(
        f"Delete {address}."
    )


def test_the_command_says_what_it_keeps_for_the_archive(s3: S3) -> None:
    settled()
    said = StringIO()
    call_command("purge", "--days", "90", stdout=said)
    assert "0 purged.\n1 more are kept until the archive has them." in said.getvalue()
    run()
    call_command("purge", "--days", "90", stdout=said)
    assert said.getvalue().count("kept until") == 1


def test_health_says_when_bodies_outlive_their_retention(s3: S3) -> None:
    settled()
    said = "because the archive does not have them yet: 1."
    assert said in "".join(health.warnings())
    run()
    assert said not in "".join(health.warnings())


# -- The job ---------------------------------------------------------------------------


def test_the_job_archives_and_gives_a_sign_of_life(s3: S3, settings: Settings) -> None:
    dead_letter()
    assert "looked for messages to archive yet" in "".join(health.warnings())
    settings.WORKER_NAME = "w-7"
    assert tasks.archive_arrivals() == 1
    assert LifeSign.objects.get(name="archive").worker == "w-7"
    assert "to archive" not in "".join(health.warnings())
    with time_machine.travel(timezone.now() + 61 * MINUTE):
        assert "looked for messages to archive for" in "".join(health.warnings())


def test_an_archive_that_was_turned_off_warns_of_nothing(
    s3: S3, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter()
    monkeypatch.setattr(bucket, "put", refuse)
    run()
    assert "AccessDenied" in "".join(health.warnings())
    settings.ARCHIVE_BUCKET = ""
    health.sign("pull")
    tasks.archive_arrivals()
    assert [one.name for one in LifeSign.objects.all()] == ["pull"]
    assert "archive" not in "".join(health.warnings())


def test_no_personal_data_stands_in_a_log(
    s3: S3, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arrival(order_created(email="lovelace@example.com"))
    monkeypatch.setattr(bucket, "put", refuse)
    run()
    assert "AccessDenied" in caplog.text
    assert "lovelace" not in caplog.text


def test_a_channel_of_alerts_that_rests_does_not_hold_up_the_archive(s3: S3) -> None:
    dead_letter()
    now = timezone.now()
    LifeSign.objects.create(name="alerts by x", at=now, rests_until=now + MINUTE)
    assert archive.may_begin()
    assert run() == 1


def test_a_claim_of_a_moment_later_is_no_claim_of_a_wrong_clock(s3: S3) -> None:
    dead_letter()
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
        assert archive._claim()
    assert run() == 0  # it looked at the clock before the other one set its claim
