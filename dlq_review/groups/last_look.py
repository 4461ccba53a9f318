"""Up to when each member of staff has looked through the groups: one time for each person."""

from datetime import datetime

from django.utils import timezone

from dlq_review.models import LastLook
from processing.models import User


def last_look(person: User) -> datetime | None:
    """None if *person* has never looked through them."""
    return LastLook.objects.filter(person=person).values_list("at", flat=True).first()


def look(person: User, until: datetime) -> None:
    """*person* has seen the groups that appeared *until* then. An older page changes nothing."""
    until = min(until, timezone.now())
    _, new = LastLook.objects.get_or_create(person=person, defaults={"at": until})
    if not new:
        LastLook.objects.filter(person=person, at__lt=until).update(at=until)
