"""Each error of a handler names the field that is to blame, where there is one."""

import re
import smtplib
from collections.abc import Callable

import pytest
from django.core import mail
from django.db import transaction

from dlq_review.bodies.contract_fields import declares
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.handlers.accounts import NoAccountError
from processing.handlers.effect import HandlerError
from processing.handlers.emails import MailServerError, RecipientRefusedError
from processing.handlers.orders import (
    OrderExistsError,
    OrderOfAnotherError,
    OrderOnItsWayError,
    UnknownOrderError,
)
from processing.handlers.registry import HANDLERS
from processing.handlers.returns import NotInOrderError
from processing.models import User
from tests.builders import (
    dead_letter,
    order_created,
    order_returned,
    order_updated,
)

pytestmark = pytest.mark.django_db


def written(**data: object) -> Event:
    plain = {"subject": "Your order", "body": "It is on its way."}
    text = {} if "template" in data else plain
    given = {"recipient": "ada@example.com", **text, **data}
    return Event.new(EmailRequested.model_validate(given))


def from_template() -> Event:
    account = User.objects.create(username="x", email="ada@example.com")
    context = {"account": str(account.pk)}
    return written(template="already_registered", context=context)


def order_that_waits() -> Event:
    dead_letter(order_created(order_id="ORD-9"))
    return order_updated(order_id="ORD-9")


Case = tuple[Callable[[], Event], str]
#: For each error an event that gets it, and the field that it names. ORD-1 is stored.
ERRORS: dict[type[HandlerError], list[Case]] = {
    OrderExistsError: [
        (lambda: order_created(order_id="ORD-1", currency="USD"), "data.order_id"),
    ],
    UnknownOrderError: [
        (lambda: order_updated(order_id="ORD-2"), "data.order_id"),
        (lambda: order_returned(order_id="ORD-2"), "data.order_id"),
    ],
    OrderOnItsWayError: [(order_that_waits, "")],  # nobody has to correct anything
    OrderOfAnotherError: [
        (lambda: order_updated(customer_id="C-18"), "data.customer_id"),
        (lambda: order_returned(customer_id="C-18"), "data.customer_id"),
    ],
    NotInOrderError: [
        (lambda: order_returned(skus=["TEA-1", "POT-9", "CUP-2"]), "data.skus.2"),
    ],
    NoAccountError: [
        (
            lambda: written(template="verify_email", context={"account": "7"}),
            "data.context.account",
        ),
    ],
    RecipientRefusedError: [(written, "data.recipient"), (from_template, "")],
    MailServerError: [],
}
PERSONAL = re.compile("ada|example|lid|close|on its way[.]", re.IGNORECASE)
"""What the events hold beside ids."""
REFUSED = smtplib.SMTPRecipientsRefused({"ada@example.com": (550, b"no such user")})


def test_each_error_of_a_handler_has_a_row() -> None:
    found, known = set(), [HandlerError]
    while known:
        error = known.pop()
        known += error.__subclasses__()
        if error.__module__.startswith("processing.handlers."):
            found.add(error)
    bases = {one for one in found if one.__module__.endswith(".effect")}
    assert found - bases == set(ERRORS)


@pytest.mark.parametrize(
    ("error", "number"),
    [(error, number) for error, rows in ERRORS.items() for number in range(len(rows))],
)
def test_an_error_names_its_field_and_no_personal_value(
    monkeypatch: pytest.MonkeyPatch, error: type[HandlerError], number: int
) -> None:
    def refuse(self: object) -> None:
        raise REFUSED

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)
    make, field = ERRORS[error][number]
    HANDLERS["order_created"](order_created(order_id="ORD-1"))
    event = make()
    with pytest.raises(error) as caught, transaction.atomic():
        HANDLERS[event.type](event)
    assert caught.value.field == field
    assert not field or declares(event.type, field)
    assert not PERSONAL.search(str(caught.value))


@pytest.mark.parametrize(
    ("type", "path", "declared"),
    [
        ("order_created", "data.order_id", True),
        ("order_created", "data.items.7.sku", True),
        ("order_created", "data.items.sku", False),
        ("order_created", "data", False),
        ("order_created", "id", False),
        ("order_created", "", False),
        ("order_created", "data.none", False),
        ("order_created", "data.context.account", False),
        ("email_requested", "data.context.account", True),
        ("email_requested", "data.context.ada@example.com", False),
        ("email_requested", "data.context", True),
        ("order_returned", f"data.skus.{'1' * 200}", False),
        ("unheard", "data.order_id", False),
    ],
)
def test_a_field_is_believed_if_the_contract_has_it(
    type: str, path: str, declared: bool
) -> None:
    assert declares(type, path) is declared
