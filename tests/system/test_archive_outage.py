"""Real jobs and a real beat beside an S3 that hangs, and then beside one that works."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import Arrival, DeadLetter, LifeSign
from processing.s3 import bucket
from processing.sqs import queues
from tests.builders import order_created
from tests.deploy.artefacts import PROCFILE
from tests.live import LiveSystem, wait_for
from tests.s3 import S3

pytestmark = [
    pytest.mark.siege,
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
]
PULLED_WITHIN = 10  # seconds; asked for every second


def fail(letters: int) -> float:
    """Put dead messages on a DLQ; the seconds until all of them are pulled."""
    known, begun = DeadLetter.objects.count(), time.monotonic()
    for _ in range(letters):
        queues.client().send_message(
            QueueUrl=queues.url("orders-dlq"), MessageBody=order_created().body
        )
    wait_for(lambda: DeadLetter.objects.count() == known + letters)
    return time.monotonic() - begun


def test_while_s3_hangs_pulls_go_on_and_afterwards_all_is_archived(
    system: LiveSystem, silent: str, settings: Settings
) -> None:
    archive = {"ARCHIVE_BUCKET": "archive", "DLQ_PULL_SECONDS": "1"}
    beat = f"{PROCFILE['beat']} --loglevel INFO --schedule {system.folder}/beat"
    hanging = {**archive, "ARCHIVE_ENDPOINT_URL": silent}
    first = system.start_worker("jobs", PROCFILE["jobs"], **hanging)
    system.start_line("beat", beat, settings.BASE_DIR, **archive)
    fail(3)
    trouble = LifeSign.objects.filter(name="archive", trouble__contains="ReadTimeout")
    while not trouble.exists():  # two tries of a put; pulls go on beside it
        assert fail(1) < PULLED_WITHIN
    assert Arrival.objects.filter(archived_at=None).count() == Arrival.objects.count()
    assert queues.depth("orders-dlq").visible == 0

    system.stop(first)
    settings.ARCHIVE_BUCKET, settings.ARCHIVE_ENDPOINT_URL = "archive", system.endpoint
    bucket.ensure()
    system.start_worker("jobs2", PROCFILE["jobs"], **archive)
    pause_is_over = timezone.now() - timedelta(seconds=1)
    LifeSign.objects.filter(name="archive").update(rests_until=pause_is_over)
    wait_for(lambda: not Arrival.unarchived().exists(), patience=60)
    assert len(S3("archive").objects()) == Arrival.objects.count()
    assert LifeSign.objects.get(name="archive").trouble == ""
    for name in ("jobs", "jobs2"):
        assert "Traceback" not in system.log(name)
