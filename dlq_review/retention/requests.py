"""Delete outcomes of which no copy can arrive any more, and accounts nobody opened.

A sign-up may wait in a queue or at the desk for longer than it may then be kept. Its mail is
sent when it is processed, so its age counts from that too.
"""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from dlq_review.models import DeadLetter
from dlq_review.retention.sweeps import Locked, erase, erase_of
from processing.models import (
    Attempt,
    Order,
    OrderItem,
    OrderReturn,
    Outcome,
    Repair,
    Signup,
    SpooledEvent,
    User,
)


class Outcomes(Locked):
    """Outcomes whose request is over everywhere, with its attempts.

    While the request has a dead letter or a row in the spool, a copy may still be sent.
    """

    order = "at"

    def old(self, before: datetime) -> QuerySet[Outcome]:
        its = OuterRef("request_id")
        return Outcome.objects.filter(
            ~Exists(DeadLetter.objects.filter(request_id=its)),
            ~Exists(SpooledEvent.objects.filter(request_id=its)),
            ~Exists(SpooledEvent.objects.filter(cause=its)),
            at__lt=before,
        )

    def erase(self, keys: list[Any]) -> None:
        erase_of(keys, Attempt, Repair, Outcome)


def _processed_since(before: datetime) -> Exists:
    """The condition that a sign-up was processed since *before*."""
    outcomes = Outcome.objects.filter(pk=OuterRef("request_id"), at__gte=before)
    return Exists(outcomes)


def unverified(before: datetime) -> QuerySet[User]:
    """Accounts of sign-ups alone, for which nothing was asked since *before*, or waits."""
    lately = Signup.objects.filter(
        Q(asked_at__gte=before) | _processed_since(before), account=OuterRef("pk")
    )
    waiting = DeadLetter.objects.filter(reference=OuterRef("email"))
    return User.objects.filter(
        ~Exists(lately),
        ~Exists(waiting.exclude(state__in=DeadLetter.SETTLED)),
        verified_at=None,
        request_id__isnull=False,
        last_login=None,
        is_active=False,
        is_staff=False,
        date_joined__lt=before,
    )


class Accounts(Locked):
    order = "date_joined"

    def old(self, before: datetime) -> QuerySet[User]:
        return unverified(before)

    def erase(self, keys: list[Any]) -> None:
        User.objects.filter(pk__in=keys, verified_at=None).delete()


class Signups(Locked):
    """Sign-ups that were asked for and processed long ago."""

    order = "asked_at"

    def old(self, before: datetime) -> QuerySet[Signup]:
        return Signup.objects.filter(~_processed_since(before), asked_at__lt=before)

    def erase(self, keys: list[Any]) -> None:
        erase(Signup.objects.filter(pk__in=keys))


class Samples(Locked):
    """The orders of the demonstration page."""

    def old(self, before: datetime) -> QuerySet[Order]:
        return Order.objects.filter(
            customer_id__startswith=Order.SAMPLE_CUSTOMER,
            email__startswith="visitor-",
            email__endswith="@example.com",  # which nobody owns (RFC 2606)
            created_at__lt=before,
        )

    def erase(self, keys: list[Any]) -> None:
        erase(
            OrderReturn.objects.filter(order__in=keys),
            OrderItem.objects.filter(order__in=keys),
            Order.objects.filter(pk__in=keys),
        )
