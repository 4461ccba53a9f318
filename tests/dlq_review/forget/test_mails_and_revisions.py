"""Mails that name the person in a head only, and what a discarded letter says afterwards."""

from collections.abc import Callable
from email.message import EmailMessage
from io import StringIO
from pathlib import Path

import pytest
from django.core.mail import EmailMessage as SentMessage
from django.core.mail import get_connection
from django.core.management import call_command
from pytest_django import Settings

from dlq_review.letters import current_event, revisions, settlement
from dlq_review.models import DeadLetter
from processing.models import Repair, User
from tests.builders import dead_letter, order_returned, redrive_now
from tests.dlq_review.forget.world import ANN, OTHER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
ENCODED = f"Grüße an {ANN}"


def forget() -> str:
    User.objects.get_or_create(username="eve", is_staff=True)
    call_command(
        *("forget", "--email", ANN, "--yes", "--by", "eve"), stdout=(said := StringIO())
    )
    return said.getvalue()


def subject(mail: SentMessage) -> None:
    mail.subject = ENCODED


def display_name(mail: SentMessage) -> None:
    mail.to = [f'"{ENCODED}" <bob@example.com>']


def any_head(mail: SentMessage) -> None:
    mail.extra_headers["X-Note"] = ENCODED


def file_name(mail: SentMessage) -> None:
    mail.attach(f"{ENCODED} seen.txt", "x", "text/plain")


def head_of_a_mail_inside(mail: SentMessage) -> None:
    inside = EmailMessage()
    inside["Subject"] = ENCODED
    inside.set_content("x")
    mail.attach(None, inside, "message/rfc822")


def nowhere(mail: SentMessage) -> None:
    mail.subject = ENCODED.replace(ANN, OTHER)


@pytest.mark.parametrize(
    ("name", "is_hers"),
    [
        *(
            (place, True)
            for place in (
                *(subject, display_name, any_head, file_name),
                head_of_a_mail_inside,
            )
        ),
        (nowhere, False),
    ],
)
def test_a_mail_that_names_her_in_any_head_is_erased(
    name: Callable[[SentMessage], None],
    is_hers: bool,
    tmp_path: Path,
    settings: Settings,
) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    settings.EMAIL_BACKEND = "processing.files.mail_files.EmailBackend"
    mail = SentMessage("x", "Hello", to=["bob@example.com"])
    name(mail)
    get_connection().send_messages([mail])
    (file,) = tmp_path.iterdir()
    assert ANN not in file.read_text(), "only its reader decodes it"
    forget()
    assert list(tmp_path.iterdir()) == ([] if is_hers else [file])


@pytest.mark.parametrize("named", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("end", ["discard", "resolve"])
def test_what_a_letter_of_another_says_now_is_what_its_receipt_knows(
    named: tuple[int, ...], end: str
) -> None:
    texts = [f"Ask {ANN}." if number in named else "Too small." for number in (0, 1)]
    event = order_returned(reason=texts[0])
    letter = dead_letter(event)
    edited = event.body.replace(texts[0], texts[1]).replace("CUP-2", "TEA-1")
    edited = edited.replace('"reason":"', '"reason":"Edited: ')
    revisions.edit(letter, edited, based_on=0, by="bob", reason="x")
    letter.refresh_from_db()
    before = letter.body_fingerprint
    getattr(settlement, end)(letter, by="bob", reason="x")
    forget()
    letter.refresh_from_db()
    now = current_event.current(letter)
    is_signed_again = end == "discard" and 1 in named
    assert ANN not in now.body
    assert now.fingerprint == letter.body_fingerprint
    assert (letter.body_fingerprint != before) is is_signed_again
    assert Repair.objects.exists() is is_signed_again
    if end == "discard":
        said = current_event.fingerprint(now.body, letter.request_id)
        assert letter.body_fingerprint == said
        settlement.restore(letter, by="bob")
        redrive_now(letter, by="bob")
        letter.refresh_from_db()
        assert letter.state == DeadLetter.State.REDRIVEN
