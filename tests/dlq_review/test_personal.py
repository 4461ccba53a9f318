import csv
import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from dlq_review.freezing import Plan, freeze
from dlq_review.previewing import preview
from dlq_review.selecting import Selection
from processing.models import User
from tests.builders import dead_letter, failure, order_created, signup_requested
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.test_views import LIST, html, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("url", ["list", "page"])
def test_personal_data_is_masked_even_for_those_who_may_see_it(
    desk: Client, url: str
) -> None:
    letter = dead_letter(signup_requested(email="grace@example.com", name="Grace"))
    text = html(desk, LIST if url == "list" else page(letter))
    assert "grace@example.com" not in text
    assert "g…@example.com" in text
    assert "Grace" not in text


def test_revealing_needs_the_permission_and_is_on_record(
    desk: Client, client_of: ClientOf
) -> None:
    letter = dead_letter(signup_requested(email="grace@example.com"))
    assert client_of("view", name="eve").post(page(letter, "reveal")).status_code == 403
    assert desk.get(page(letter, "reveal")).status_code == 405
    assert not letter.audit.filter(verb="revealed").exists()
    text = desk.post(page(letter, "reveal")).content.decode()
    assert "grace@example.com" in text
    assert letter.audit.get(verb="revealed").actor == "ada"


@pytest.mark.parametrize("step", ["edit", "body/0"])
def test_the_raw_body_needs_the_permission(client_of: ClientOf, step: str) -> None:
    letter = dead_letter()
    client = client_of("view", "change")
    assert client.post(page(letter, step)).status_code == 403


def exported(client: Client, format: str, query: str = "") -> str:
    answer = client.post(f"{LIST}export/{format}/?{query}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_an_export_holds_what_the_list_shows(desk: Client) -> None:
    event = order_created(order_id="ORD-1")
    dead_letter(event)
    dead_letter(queue="emails-dlq")
    rows = list(csv.DictReader(StringIO(exported(desk, "csv", "queue=orders"))))
    assert [row["reference"] for row in rows] == ["ORD-1"]
    (line,) = exported(desk, "jsonl", "queue=orders").splitlines()
    assert json.loads(line)["body"] == event.body


def test_an_exported_cell_is_never_a_formula(desk: Client) -> None:
    dead_letter(attributes=failure(error_text="=HYPERLINK(1)", error_type="@SUM"))
    (row,) = csv.DictReader(StringIO(exported(desk, "csv")))
    assert row["error_text"] == "'=HYPERLINK(1)"
    assert row["error_type"] == "'@SUM"


def test_an_export_is_masked_without_the_permission(client_of: ClientOf) -> None:
    dead_letter(signup_requested(email="grace@example.com", name="Grace"))
    text = exported(client_of("view", "export"), "jsonl")
    assert "grace@" not in text
    assert "Grace" not in text


def test_an_export_reads_in_steps_and_loses_nothing(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlq_review.exporting.STEP", 2)
    for _ in range(5):
        dead_letter()
    assert len(exported(desk, "jsonl").splitlines()) == 5


def test_an_export_needs_its_permission_and_a_known_format(
    desk: Client, client_of: ClientOf
) -> None:
    assert client_of("view", name="eve").post(f"{LIST}export/csv/").status_code == 403
    assert desk.post(f"{LIST}export/xls/").status_code == 404
    assert desk.get(f"{LIST}export/csv/").status_code == 405


@pytest.mark.parametrize(
    ("group", "may", "may_not"),
    [
        ("viewer", "view", "redrive"),
        ("editor", "redrive", "discard"),
        ("operator", "discard", "delete"),
    ],
)
def test_three_groups_are_there_to_put_staff_into(
    group: str, may: str, may_not: str
) -> None:
    user = User.objects.create(username="ada", email="ada@example.com")
    user.groups.add(Group.objects.get(name=f"Triage {group}"))
    assert user.has_perm(f"dlq_review.{may}_deadletter")
    assert not user.has_perm(f"dlq_review.{may_not}_deadletter")


def test_a_new_kind_of_failure_and_its_return_raise_an_alert_each(
    settings: Settings,
    mailoutbox: list[Any],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    with django_capture_on_commit_callbacks(execute=True):
        group = dead_letter(attributes=failure()).group
        dead_letter(attributes=failure())
    group.state = "resolved"
    group.save()
    with django_capture_on_commit_callbacks(execute=True):
        dead_letter(attributes=failure())
    new, back = mailoutbox
    assert "A new kind of failure: OrderExistsError" in new.subject
    assert f"/failuregroup/{group.pk}/" in new.body
    assert "A failure came back" in back.subject


def test_a_mail_server_that_is_away_stops_no_pull(
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 9
    with django_capture_on_commit_callbacks(execute=True):
        dead_letter()
    assert "not_mailed=" in caplog.text


def test_no_message_writes_the_headers_of_an_alert(
    settings: Settings,
    mailoutbox: list[Any],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    forged = "Error\r\nBcc: eve@example.com\n\n<script>\u202e"
    with django_capture_on_commit_callbacks(execute=True):
        dead_letter(attributes=failure(error_type=forged))
    (mail,) = mailoutbox
    assert mail.recipients() == ["desk@example.com"]
    assert mail.message()["Bcc"] is None
    assert mail.subject.isprintable()


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r\n", "\ufeff"])
@pytest.mark.parametrize("sign", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_cell_is_no_formula_behind_blanks_either(
    desk: Client, blank: str, sign: str
) -> None:
    dead_letter(attributes=failure(error_text=f"{blank}{sign}"))
    (row,) = csv.DictReader(StringIO(exported(desk, "csv"), newline=""))
    assert row["error_text"] == f"'{blank}{sign}"


def test_an_edit_of_many_is_previewed_without_personal_data() -> None:
    wrong = order_created(email="grace@example.com").body.replace("EUR", "euros")
    dead_letter(wrong)
    patch = [
        {"op": "replace", "path": "/data/email", "value": "g.hopper@example.com"},
        {"op": "replace", "path": "/data/currency", "value": "EUR"},
    ]
    plan = Plan(kind="fix", patch=patch)
    found = preview(freeze(Selection(), plan, by="ada"))
    text = "".join(line.text for _, lines, _ in found.samples for line in lines)
    assert found.changed == 1
    assert '+    "email": "g…@example.com"' in text
    assert "grace" not in text
    assert "hopper" not in text


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "poison",
    ["</script><script>alert(1)</script>", 'a",b\r\n=1', "\u202egpj.exe", "W" * 500],
)
def test_poison_leaves_in_an_export_as_one_inert_value(
    desk: Client, format: str, poison: str
) -> None:
    dead_letter(attributes=failure(error_text=poison))
    answer = desk.post(f"{LIST}export/{format}/")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    if format == "csv":
        (row,) = csv.DictReader(StringIO(text, newline=""))
    else:
        row = json.loads(text)
    assert row["error_text"] == poison
