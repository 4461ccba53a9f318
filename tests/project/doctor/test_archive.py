"""The doctor and the archive: a bucket that is there, missing, hidden, away."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import LifeSign
from processing.s3 import bucket
from project.doctor.archive_check import archive
from project.doctor.findings import State
from tests.outages import no_answer
from tests.processing.sqs_server import Server, serving
from tests.project.doctor.held import held
from tests.s3 import S3

pytestmark = pytest.mark.django_db


def test_a_bucket_that_is_there_is_ok_and_nothing_is_written(s3: S3) -> None:
    held(archive(None), State.OK, f"The bucket {s3.name} exists.")
    assert s3.objects() == {}


def test_no_archive_is_ok() -> None:
    held(archive(None), State.OK, "ARCHIVE_BUCKET is not set")


def test_a_missing_bucket_is_named(s3: S3, settings: Settings) -> None:
    settings.ARCHIVE_BUCKET = "no-such-bucket"
    held(archive(None), State.FAIL, "no-such-bucket does not exist", "infra/")


def test_the_trouble_of_the_last_run_is_told(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = LifeSign(name="archive", at=timezone.now(), trouble="AccessDenied.\nMore.")
    sign.save()
    held(
        archive(None), State.WARN, "The last run of the archive: AccessDenied.", "role"
    )
    assert "More" not in archive(None).says
    LifeSign.objects.update(trouble="")
    held(archive(None), State.OK, "exists")
    sign.save()
    monkeypatch.setattr(LifeSign.objects, "filter", no_answer)
    held(archive(None), State.OK, "exists")


@pytest.fixture
def broken_s3(settings: Settings) -> Iterator[Server]:
    settings.ARCHIVE_BUCKET = "holdfast-archive"
    with serving() as server:
        settings.ARCHIVE_ENDPOINT_URL = server.url
        yield server
    bucket.forget()


@pytest.mark.parametrize(
    ("status", "state", "part"),
    [
        (403, State.OK, "does not let this process look"),
        (404, State.FAIL, "does not exist"),
        (400, State.FAIL, "does not understand"),
        (503, State.FAIL, "does not answer"),
    ],
)
def test_a_refusal_of_s3_is_told_by_its_cause(
    broken_s3: Server, status: int, state: State, part: str
) -> None:
    broken_s3.status, broken_s3.body = status, b""
    held(archive(None), state, part)


def test_an_s3_that_is_away_or_hangs_is_told(
    settings: Settings, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "ANSWER", 0.2)
    settings.ARCHIVE_BUCKET = "holdfast-archive"
    for endpoint in ("http://127.0.0.1:9", silent):
        settings.ARCHIVE_ENDPOINT_URL = endpoint
        held(archive(None), State.FAIL, "S3 does not answer", "reach S3")
    bucket.forget()
