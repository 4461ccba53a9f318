"""Alert people to new problems: by a log line, and by mail if ALERT_EMAILS is set.

Crash order: the alert is stored in the transaction that causes it -> commit -> a job of its
own mails all stored alerts in one mail -> deletes them. After a crash behind the mail they
are mailed twice. A mail server that is away or slow holds up that job and nothing else.
"""

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from dlq_review.models import RaisedAlert, UntoldAlert

logger = logging.getLogger(__name__)

MOST_IN_A_MAIL = 100


def alert(name: str, sentence: str, path: str = "/admin/") -> None:
    """Raise the alert called *name*; *sentence* holds no personal data."""
    if settings.ALERT_EMAILS:
        UntoldAlert.objects.create(name=name, sentence=_one_line(sentence), path=path)
    transaction.on_commit(lambda: logger.warning("alert=%s text=%r", name, sentence))


def alert_once(
    name: str, every: timedelta, sentence: str, path: str = "/admin/"
) -> None:
    """`alert`, unless one of that name was raised less than *every* ago, by whomever."""
    now = timezone.now()
    _, new = RaisedAlert.objects.get_or_create(name=name, defaults={"at": now})
    if new or RaisedAlert.objects.filter(name=name, at__lte=now - every).update(at=now):
        alert(name, sentence, path)


def untold() -> QuerySet[UntoldAlert]:
    """The alerts that `tell` mails."""
    stored = UntoldAlert.objects.all()
    return stored if settings.ALERT_EMAILS else stored.none()


def tell() -> int:
    """Mail the stored alerts; return how many. After a failure the next run tries again."""
    stored = list(untold()[:MOST_IN_A_MAIL])
    if not stored:
        return 0
    others = untold().count() - 1
    subject = f"Holdfast: {stored[0].sentence[:120]}"
    subject += f" And {others} more." if others else ""
    try:
        send_mail(subject, _text(stored), None, settings.ALERT_EMAILS)
    except (OSError, smtplib.SMTPException) as error:
        logger.error("alerts=%s not_mailed=%s", others + 1, type(error).__name__)
        return 0
    untold().filter(pk__in=[one.pk for one in stored]).delete()
    return len(stored)


def _text(stored: Sequence[UntoldAlert]) -> str:
    return "\n".join(
        f"{one.sentence}\n{settings.SITE_URL}{one.path}\n" for one in stored
    )


def _one_line(text: str) -> str:
    """*text* on one line, for a mail's subject: some of its words come from a message."""
    return "".join(char if char.isprintable() else " " for char in text)
