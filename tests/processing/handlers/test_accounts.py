"""Sign-ups, the accounts they make, and the mails that go to these."""

import json
import smtplib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core import mail
from django.db import connection

from processing.delivery import processor
from processing.events import envelope
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.handlers import accounts, emails
from processing.handlers.accounts import NoAccountError, verification_token
from processing.models import Attempt, Signup, SpooledEvent, User
from processing.sqs import queues
from tests.builders import message, signup_requested

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
PASSWORD = "correct horse battery"


def sign_up(*, at: datetime | None = None, **asked: Any) -> str:
    """Process a sign-up and send its mail; the token of the link in it, if there is one."""
    event = signup_requested(**asked)
    processor.handle(message(event.model_copy(update={"timestamp": at} if at else {})))
    for requested in queues.receive("emails"):
        processor.handle(requested)
    assert not Attempt.objects.exists()
    assert not SpooledEvent.objects.exists()
    return mail.outbox[-1].body.partition("/verify/")[2].partition("/")[0]


def test_whoever_follows_a_link_gets_what_its_own_sign_up_said() -> None:
    ada = sign_up(name="Ada", profile={"country": "GB"})
    sign_up(name="Mallory", profile={"company": "Malice"})
    accounts.verify(ada, PASSWORD)
    user = User.objects.get()
    assert (user.name, user.profile) == ("Ada", {"country": "GB"})
    assert not Signup.objects.exists(), "nobody needs what the others said"


def test_an_earlier_sign_up_by_another_decides_nothing() -> None:
    sign_up(name="Mallory", profile={"company": "Malice"})
    ada = sign_up(name="Ada")
    accounts.verify(ada, PASSWORD)
    user = User.objects.get()
    assert (user.name, user.profile) == ("Ada", {})


def test_an_account_is_made_by_an_sqlite_that_returns_no_rows_of_an_insert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if connection.vendor == "sqlite":  # 3.31 to 3.34
        for name in ("columns_from_insert", "rows_from_bulk_insert"):
            features = type(connection.features)
            monkeypatch.setattr(features, f"can_return_{name}", False)
    accounts.verify(sign_up(name="Ada"), PASSWORD)
    assert User.objects.get().name == "Ada"


@pytest.mark.parametrize("late", [False, True])
def test_a_link_of_an_earlier_release_gets_the_newest(late: bool) -> None:
    now = datetime.now(UTC)
    said = [("Ada", now - timedelta(hours=1)), ("Ada King", now)]
    for name, at in reversed(said) if late else said:
        sign_up(name=name, at=at)
    user = User.objects.get()
    assert accounts.verify(verification_token(str(user.pk)), PASSWORD) == user
    user.refresh_from_db()
    assert user.name == "Ada King"


def test_two_links_open_one_account_once() -> None:
    first, second = sign_up(name="Ada"), sign_up(name="Ada King")
    accounts.verify(second, PASSWORD)
    with pytest.raises(accounts.AlreadyOpenError):
        accounts.verify(first, "another horse battery")
    user = User.objects.get()
    assert user.name == "Ada King"
    assert user.check_password(PASSWORD)


def test_an_open_account_keeps_its_name_whoever_signs_up() -> None:
    accounts.verify(sign_up(name="Ada"), PASSWORD)
    sign_up(name="Mallory")
    assert mail.outbox[-1].subject == "You already have an account"
    assert User.objects.get().name == "Ada"
    assert not Signup.objects.exists()


@pytest.mark.parametrize("address", ["ada@example.com", "Ada@Example.COM"])
@pytest.mark.parametrize("username", ["ada", "ada@example.com", "ADA@EXAMPLE.COM"])
def test_staff_with_the_address_are_found_however_it_is_written(
    username: str, address: str
) -> None:
    User.objects.create(username=username, email=address, is_staff=True, name="Boss")
    sign_up(name="Mallory")
    assert (mail.outbox[0].to, User.objects.get().name) == ([address], "Boss")
    assert mail.outbox[0].subject == "You already have an account"


def test_a_user_name_that_is_the_address_of_another_stops_no_sign_up() -> None:
    User.objects.create(username="ada@example.com", is_staff=True)
    User.objects.create(username="b", email="ada@example.co", is_staff=True)
    accounts.verify(sign_up(), PASSWORD)
    user = User.objects.get(email="ada@example.com")
    assert user.is_active
    assert user.username.startswith("account-")


def test_staff_without_an_address_are_nobodys_account() -> None:
    User.objects.create(username="root", email="", is_staff=True)
    User.objects.create(username="cron", email="", is_staff=True)
    sign_up()
    assert User.objects.count() == 3


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite writes its plans otherwise"
)
def test_the_look_up_of_an_address_uses_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = accounts.of_addresses(["ada@example.com"]).explain()
    assert "one_account_per_address" in plan


def requested(**data: Any) -> Event:
    return Event.new(EmailRequested.model_validate({"recipient": "m@evil.co", **data}))


@pytest.mark.parametrize(
    ("template", "subject", "words"),
    [
        ("verify_email", "Confirm your address", "/verify/"),
        ("already_registered", "You already have an account", "nothing was changed"),
    ],
)
def test_mail_of_an_account_goes_to_the_account_whatever_the_event_says(
    template: str, subject: str, words: str
) -> None:
    sign_up(email="ada@example.com")
    account = str(User.objects.get().pk)
    context = {"account": account, "site": "https://evil.co", "link": "https://evil.co"}
    processor.handle(message(requested(template=template, context=context)))
    sent = mail.outbox[-1]
    assert (sent.to, sent.cc, sent.bcc) == (["ada@example.com"], [], [])
    assert "evil" not in f"{sent.subject} {sent.body}"
    assert (sent.subject, words in sent.body) == (subject, True)
    assert f"at {settings.SITE_URL} with" in sent.body


@pytest.mark.parametrize("signup", ["/", "a b", "../x", "é", "x" * 99])
def test_a_sign_up_that_never_was_leaves_the_link_working(signup: str) -> None:
    sign_up(name="Ada")
    context = {"account": str(User.objects.get().pk), "signup": signup}
    body = emails.compose(requested(template="verify_email", context=context)).body
    token = str(body).partition("/verify/")[2].partition("/")[0]
    assert accounts.verify(token, PASSWORD).email == "ada@example.com"
    assert User.objects.get().name == "Ada"


@pytest.mark.parametrize("account", ["", "0", "7", "-1", "x", "9" * 30, "١", "1.5"])
@pytest.mark.parametrize("template", ["verify_email", "already_registered"])
def test_mail_for_no_account_is_refused_for_good(account: str, template: str) -> None:
    context = {"account": account} if account else {}
    processor.handle(message(requested(template=template, context=context)))
    assert not mail.outbox
    attempt = Attempt.objects.get()
    assert (attempt.error_type, attempt.permanent) == (NoAccountError.__name__, True)


@pytest.mark.parametrize("value", ["x", "7", "9" * 30, "7.r-1", "1.\x00", ".", "-1"])
def test_a_signed_link_of_no_account_is_a_bad_link(value: str) -> None:
    with pytest.raises(accounts.BadLinkError):
        accounts.verify(verification_token(value), PASSWORD)


ADDRESS = "ada.secret@example.com"


@pytest.mark.parametrize(
    "refusal",
    [
        smtplib.SMTPRecipientsRefused({ADDRESS: (450, ADDRESS.encode())}),
        smtplib.SMTPDataError(451, f"no room for {ADDRESS}".encode()),
        smtplib.SMTPSenderRefused(451, ADDRESS.encode(), ADDRESS),
        smtplib.SMTPResponseException(421, ADDRESS),
    ],
)
def test_what_a_mail_server_says_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, caplog: Any
) -> None:
    def refuse(self: object) -> None:
        raise refusal

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)
    with pytest.raises(processor.RetryLaterError):
        processor.handle(message(requested(subject="s", body="b")))
    attempt = Attempt.objects.get()
    assert attempt.error_text.startswith("The mail server answered 4")
    assert ADDRESS not in attempt.error_text + attempt.traceback + caplog.text


def test_a_mail_says_which_sign_up_its_link_belongs_to() -> None:
    event = signup_requested()
    processor.handle(message(event))
    (sent,) = queues.receive("emails")
    data = json.loads(sent.body)["data"]
    account = User.objects.get()
    assert data["context"] == {"account": str(account.pk), "signup": event.id}
    assert envelope.parse(sent.body, fallback_id="").data.reference == "ada@example.com"


def test_accounts_of_former_releases_get_names_of_their_own() -> None:
    User.objects.create(username="a@b.co", email="a@b.co", request_id="r-1")
    User.objects.create(username="c@d.co", email="c@d.co", is_staff=True)
    migration = import_module("processing.migrations.0004_signups")
    migration.name_accounts_of_their_own(apps, None)
    names = User.objects.order_by("email").values_list("username", flat=True)
    assert list(names) == ["account-r-1", "c@d.co"]


@pytest.mark.parametrize("name", ["Ada", "Mallory"])
def test_the_second_of_two_sign_ups_at_once_uses_the_account_of_the_first(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sign_up(name="Ada")
    find = accounts.of_addresses

    def look_too_early(addresses: Sequence[str]) -> Any:
        monkeypatch.setattr(accounts, "of_addresses", find)
        return find(addresses).none()

    monkeypatch.setattr(accounts, "of_addresses", look_too_early)
    sign_up(name=name)
    account = User.objects.get()
    assert account.signups.count() == len(mail.outbox) == 2
    assert {one.recipients()[0] for one in mail.outbox} == {account.email}
