"""Email addresses: what is accepted reaches the mailbox that was meant, and no other."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.core.mail import EmailMessage, get_connection
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dlq_review.letters import revisions
from dlq_review.letters.current_event import NotAnEventError
from processing.events import envelope
from processing.events.errors import InvalidEventError
from processing.events.field_types import Email
from tests.builders import dead_letter, order_created, signup_requested
from tests.intake.clients import post
from tests.intake.public_pages import queued, signup_form
from tests.mail_server import SlowMailServer

ADDRESS: TypeAdapter[str] = TypeAdapter(Email)
#: 63 of these letters make one label of a domain as long as a label may be.
CJK = "例え例え例え例え例え例え例え例え"

MEANT = {
    "user@straße.de": "user@xn--strae-oqa.de",
    "user@faß.de": "user@xn--fa-hia.de",
    "user@βόλος.com": "user@xn--nxasmm1c.com",
    "user@STRASSE.de": "user@strasse.de",
    "user@Straße.DE": "user@xn--strae-oqa.de",
    "user@ΒΌΛΟΣ.com": "user@xn--nxasmq6b.com",
    "Ada@Bücher.example": "ada@xn--bcher-kva.example",
    "ada@bücher。example": "ada@xn--bcher-kva.example",
    "ada@ｅｘａｍｐｌｅ.com": "ada@example.com",
    "ada@bü\u200bcher.example": "ada@xn--bcher-kva.example",
    "ada@xn--strae-oqa.de": "ada@xn--strae-oqa.de",
    " ada@example.com ": "ada@example.com",
    "ada+tag@example.com": "ada+tag@example.com",
    "o'hara@example.com": "o'hara@example.com",
    '"a,b"@example.com': '"a,b"@example.com',
    '"a@b"@example.com': '"a@b"@example.com',
    "x" * 64 + "@example.com": "x" * 64 + "@example.com",
}
REFUSED = [
    "x" * 65 + "@example.com",
    '"a\x01b"@example.com',
    '"a\x7fb"@example.com',
    '"a\r\nBcc: eve@example.com"@example.com',
    '""@example.com',
    "ada@[127.0.0.1]",
    "ada@[IPv6:::1]",
    "ada@127.0.0.1",
    "root@localhost",
    "root@ｌｏｃａｌｈｏｓｔ",
    "müller@example.com",
    "ａda@example.com",
    "ada@i❤.ws",
    "ada@ex⁄ample.com",
    "ada@bücher..example",
    "ada@-bücher.example",
    "ada@" + "例え" * 30 + ".jp",
    "=?utf-8?q?eve?=@example.com",
    "=?utf-8?q?eve=40evil.example=3e?=@example.com",
    '"=?utf-8?q?eve?="@example.com',
    "ada",
    "@bücher.example",
    "ada@bücher.example, eve@example.com",
    "ada@example.com\nBcc: eve@example.com",
]
#: 225 characters as they are typed, and 300 in ASCII.
LONG = "x" * 64 + "@" + ".".join([CJK] * 9) + ".jp"


@pytest.mark.parametrize(("typed", "meant"), MEANT.items())
def test_an_address_is_kept_in_its_one_ascii_form(typed: str, meant: str) -> None:
    assert ADDRESS.validate_python(typed) == meant
    assert ADDRESS.validate_python(meant) == meant, "as the worker reads it again"


@pytest.mark.parametrize("typed", [*REFUSED, LONG])
def test_what_is_no_address_that_mail_reaches_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError, match=r"Write|Use only"):
        ADDRESS.validate_python(typed)


def test_length_is_counted_as_the_mail_server_sees_it() -> None:
    assert len(LONG) < 254
    with pytest.raises(ValidationError, match="at most 254"):
        ADDRESS.validate_python(LONG)
    just_fits = "x" * 64 + "@" + ".".join([CJK] * 4) + ".jp"
    assert len(ADDRESS.validate_python(just_fits)) <= 254


@given(
    local=st.text("ab.\"'@=?+\\ \t\x01<>,;:()-_%éß", min_size=1, max_size=8)
    | st.text(min_size=1, max_size=70),
    domain=st.text("aß-.ς。x[]n1é\u200d\u0301", min_size=1, max_size=12)
    | st.text(min_size=1, max_size=300),
)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_whatever_is_accepted_is_accepted_again_and_fits(
    local: str, domain: str
) -> None:
    for typed in (f"{local}@{domain}", f"{local}@{domain}.com", f"{local}@x.com"):
        try:
            address = ADDRESS.validate_python(typed)
        except ValidationError:
            continue
        assert address.isascii()
        assert len(address) <= 254
        assert ADDRESS.validate_python(address) == address


@pytest.fixture
def mail_server() -> Iterator[SlowMailServer]:
    server = SlowMailServer(delay=0)
    server.start()
    yield server
    server.stop()


def test_the_mail_server_is_given_each_accepted_address_as_it_is(
    mail_server: SlowMailServer,
) -> None:
    wanted = sorted(set(MEANT.values()))
    port = int(mail_server.url.rpartition(":")[2])
    backend = "django.core.mail.backends.smtp.EmailBackend"
    with get_connection(backend, host="127.0.0.1", port=port) as connection:
        for address in wanted:
            mail = EmailMessage("s", "b", "us@example.com", [address])
            assert connection.send_messages([mail]) == 1
    assert mail_server.recipients == [f"<{address}>" for address in wanted]


@pytest.mark.django_db
def test_the_form_the_api_the_worker_and_the_desk_agree_on_addresses(
    client: Client, sqs: None
) -> None:
    for typed in ("ada@straße.de", LONG):
        good = typed != LONG
        page = client.post("/signups/new", signup_form(client, email=typed))
        answer = post(client, "/api/signups", {"email": typed, "name": "Ada"})
        body = signup_requested().body.replace("ada@example.com", typed)
        try:
            read = envelope.parse(body, fallback_id="").data.reference
        except InvalidEventError:
            read = ""
        order = order_created()
        letter = dead_letter(order)
        edited = order.body.replace("ada@example.com", typed)
        try:
            revisions.edit(letter, edited, based_on=0, by="ada", reason="moved")
            saved = True
        except NotAnEventError:
            saved = False
        assert page.status_code == (303 if good else HTTPStatus.BAD_REQUEST)
        assert answer.status_code == (202 if good else HTTPStatus.BAD_REQUEST)
        assert read == ("ada@xn--strae-oqa.de" if good else "")
        assert saved == good
    references = {event.data.reference for event in queued("signups")}
    assert references == {"ada@xn--strae-oqa.de"}
