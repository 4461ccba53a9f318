"""Tell people of what is new and wrong. One seam: a log line, and a mail where asked for.

Called inside a transaction, it speaks only after the commit. A mail that cannot be sent is
logged; it never stops the work that caused it.
"""

import logging
import smtplib
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from dlq_review.models import RaisedAlert

logger = logging.getLogger(__name__)


def alert(name: str, sentence: str, path: str = "/admin/") -> None:
    """Raise the alert called *name*; *sentence* holds no personal data."""
    transaction.on_commit(lambda: _tell(name, sentence, path))


def alert_once(
    name: str, every: timedelta, sentence: str, path: str = "/admin/"
) -> None:
    """`alert`, unless one of that name was raised less than *every* ago, by whomever."""
    now = timezone.now()
    _, new = RaisedAlert.objects.get_or_create(name=name, defaults={"at": now})
    if new or RaisedAlert.objects.filter(name=name, at__lte=now - every).update(at=now):
        alert(name, sentence, path)


def _tell(name: str, sentence: str, path: str) -> None:
    logger.warning("alert=%s text=%r", name, sentence)
    sentence = _one_line(sentence)
    if settings.ALERT_EMAILS:
        text = f"{sentence}\n\n{settings.SITE_URL}{path}\n"
        try:
            send_mail(f"Holdfast: {sentence[:120]}", text, None, settings.ALERT_EMAILS)
        except (OSError, smtplib.SMTPException) as error:
            logger.error("alert=%s not_mailed=%s", name, type(error).__name__)


def _one_line(text: str) -> str:
    """*text* as a mail's subject may hold it: a message chose some of its words."""
    return "".join(char if char.isprintable() else " " for char in text)
