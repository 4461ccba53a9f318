"""Where the copy of an arrival is, as the desk shows it."""

import pytest
from django.test import Client
from pytest_django import Settings

from dlq_review import archive
from dlq_review.models import Arrival, DeadLetter
from tests.builders import dead_letter, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import html
from tests.s3 import S3

pytestmark = pytest.mark.django_db


def page(client: Client, letter: DeadLetter) -> str:
    return html(client, f"/admin/dlq_review/deadletter/{letter.pk}/change/")


def test_the_page_says_that_an_arrival_waits_and_then_where_it_is(
    desk: Client, s3: S3
) -> None:
    letter = dead_letter()
    assert "Waiting to be archived" in page(desk, letter)
    archive.run(seconds=20)
    text = page(desk, letter)
    assert "Waiting to be archived" not in text
    name = letter.arrivals.get().message_id
    assert f'<span class="mono">{s3.address(f"failed/{name}.json")}</span>' in text


def test_an_object_on_amazon_is_a_link_to_the_console(
    desk: Client, settings: Settings
) -> None:
    letter = dead_letter()
    settings.ARCHIVE_ENDPOINT_URL = ""
    address = 's3://archive/failed/"><b>.json'
    Arrival.objects.update(archived_at=letter.sent_at, archived_to=address)
    text = page(desk, letter)
    assert (
        '<a class="mono" href="https://console.aws.amazon.com/s3/object/archive'
        "?region=us-east-1&amp;prefix=failed%2F%22%3E%3Cb%3E.json"
        '" rel="noreferrer">s3://archive/failed/&quot;&gt;&lt;b&gt;.json</a>'
    ) in text


def test_a_body_that_was_purged_before_is_said_to_be_not_archived(
    desk: Client, s3: S3
) -> None:
    letter = dead_letter()
    Arrival.objects.update(body="", attributes={})
    archive.run(seconds=20)
    assert "No: its body was purged before" in page(desk, letter)


def test_without_an_archive_the_desk_says_nothing_of_one(
    desk: Client, no_sqs: None
) -> None:
    letter = dead_letter()
    assert "rchived" not in page(desk, letter)
    assert "archived" not in html(desk, "/admin/")


def test_who_may_only_look_sees_where_it_is_and_no_personal_data(
    client_of: ClientOf, s3: S3
) -> None:
    letter = dead_letter(signup_requested(email="lovelace@example.com"))
    archive.run(seconds=20)
    text = page(client_of("view"), letter)
    assert s3.address("failed/") in text
    assert "lovelace" not in text


def test_who_may_not_see_letters_sees_neither_page_nor_count(
    client_of: ClientOf, s3: S3, no_sqs: None
) -> None:
    letter = dead_letter()
    nobody = client_of()
    path = f"/admin/dlq_review/deadletter/{letter.pk}/change/"
    assert nobody.get(path).status_code == 403
    assert "waiting to be archived" not in html(nobody, "/admin/")


def test_the_overview_counts_what_waits_for_the_archive(
    desk: Client, s3: S3, no_sqs: None
) -> None:
    for _ in range(3):
        dead_letter()
    assert "<b>3</b> waiting to be archived" in html(desk, "/admin/")
    archive.run(seconds=20)
    assert "<b>0</b> waiting to be archived" in html(desk, "/admin/")
