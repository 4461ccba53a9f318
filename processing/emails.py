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

from processing.accounts import verification_token
from processing.contracts import EmailRequested
from processing.effects import Effect, RefusedError
from processing.events import Event


class RecipientRefusedError(RefusedError):
    """The mail server refuses this recipient for good."""


def send_email(event: Event) -> Effect:
    mail = compose(event)
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        if all(code >= 500 for code, _ in error.recipients.values()):
            raise RecipientRefusedError(RecipientRefusedError.__doc__) from None
        raise
    return Effect({"mail": "sent"})


def compose(event: Event) -> EmailMessage:
    """The mail that *event* asks for; sends nothing."""
    data = cast(EmailRequested, event.data)
    subject, body = _text(data)
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return EmailMessage(
        subject=subject,
        body=body,
        to=[data.recipient],
        headers={
            "Message-ID": f"<{event.id}@{sender.rpartition('@')[2]}>",
            "X-Correlation-ID": event.correlation_id,
        },
    )


def _text(data: EmailRequested) -> tuple[str, str]:
    if data.template is None:
        return cast(str, data.subject), cast(str, data.body)
    context: dict[str, str] = {"site": settings.SITE_URL, **data.context}
    if data.template == "verify_email":
        # Signed here and not by the sender, so that no queue ever holds a working link.
        path = reverse(
            "intake:verify", args=[verification_token(data.context["account"])]
        )
        context["link"] = settings.SITE_URL + path
    subject = render_to_string(f"mail/{data.template}.subject.txt", context)
    return " ".join(subject.split()), render_to_string(
        f"mail/{data.template}.txt", context
    )
