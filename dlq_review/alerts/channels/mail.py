"""Mail to ALERT_EMAILS: all that waits in one mail."""

import smtplib
from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email

from dlq_review.alerts.channels.channel import Channel, Deliveries, Problem
from dlq_review.alerts.channels.texts import headline, lines
from processing.outbound.errors import UndeliveredError


def _send(deliveries: Deliveries) -> None:
    first, *others = deliveries
    subject = f"Holdfast: {headline(first)[:150]}"
    subject += f" And {len(others)} more." if others else ""
    text = "\n".join(map(lines, deliveries))
    try:
        send_mail(subject, text, None, settings.ALERT_EMAILS)
    except smtplib.SMTPResponseException as error:
        raise UndeliveredError(
            f"SMTP {error.smtp_code}", is_refusal=error.smtp_code >= 500
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise UndeliveredError(
            f"SMTP {codes[0]} for each address", is_refusal=min(codes) >= 500
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise UndeliveredError(type(error).__name__) from None


def _problems() -> Iterator[Problem]:
    for number, address in enumerate(settings.ALERT_EMAILS, start=1):
        try:
            validate_email(address)
        except ValidationError:
            yield Problem(
                "ALERT_EMAILS",
                f"Number {number} of ALERT_EMAILS is no mail address.",
                "Write them as in desk@example.com,night@example.com.",
            )


def _goes_to() -> str:
    number = len(settings.ALERT_EMAILS)
    return f"{number} address{'' if number == 1 else 'es'}"


CHANNEL = Channel(
    "mail", "Mail", "ALERT_EMAILS", _goes_to, _send, _problems, most=100
)  # fmt: skip
