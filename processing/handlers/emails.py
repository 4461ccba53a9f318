"""Sending mail: the one effect outside our database.

A crash between the mail server's yes and our commit sends the mail again. Both copies
carry the same Message-ID, so that mailboxes may drop the second.
"""

import smtplib
from email.utils import parseaddr
from typing import cast

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from processing.events.contracts import EmailRequested
from processing.events.envelope import Event, is_request_id
from processing.handlers.accounts import mailed_account, verification_token
from processing.handlers.effect import BusinessRuleError, Effect, TransientError
from processing.handlers.registry import handles


class RecipientRefusedError(BusinessRuleError):
    """The mail server refuses this recipient for good."""


class MailServerError(TransientError):
    """The mail server did not take the mail. Its own words may hold an address."""


@handles(EmailRequested, alone=True)
def send_email(event: Event) -> Effect:
    mail = compose(event)
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        if all(code >= 500 for code in codes):
            # The recipient of a template is the address of the account.
            field = "" if cast(EmailRequested, event.data).template else "recipient"
            raise RecipientRefusedError(
                RecipientRefusedError.__doc__, field=field
            ) from None
        raise MailServerError(f"The mail server answered {codes[0]}.") from None
    except smtplib.SMTPResponseException as error:
        raise MailServerError(f"The mail server answered {error.smtp_code}.") from None
    return Effect({"mail": "sent"})


def compose(event: Event) -> EmailMessage:
    """The mail that *event* asks for; sends nothing. Raises NoAccountError."""
    data = cast(EmailRequested, event.data)
    to, subject, body = _mail_of_account(data) if data.template else _plain(data)
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return EmailMessage(
        subject=subject,
        body=body,
        to=[to],
        headers={
            "Message-ID": f"<{event.id}@{sender.rpartition('@')[2]}>",
            "X-Correlation-ID": event.correlation_id,
        },
    )


def _plain(data: EmailRequested) -> tuple[str, str, str]:
    return data.recipient, cast(str, data.subject), cast(str, data.body)


def _mail_of_account(data: EmailRequested) -> tuple[str, str, str]:
    """Recipient, subject and text.

    All come from the account: the mail contains nothing that the sender of the event wrote.
    """
    account = mailed_account(data.context.get("account", ""))
    context = {"site": settings.SITE_URL}
    if data.template == "verify_email":
        # Signed here and not by the sender, so that no queue ever holds a working link.
        signup = data.context.get("signup", "")
        signup = signup if is_request_id(signup) else ""
        token = verification_token(str(account.pk), signup)
        context["link"] = settings.SITE_URL + reverse("intake:verify", args=[token])
    subject = render_to_string(f"mail/{data.template}.subject.txt", context)
    body = render_to_string(f"mail/{data.template}.txt", context)
    return account.email, " ".join(subject.split()), body
