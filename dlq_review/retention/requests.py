"""Delete outcomes of which no copy can arrive any more, and accounts nobody opened.

A sign-up may wait in a queue or at the desk for longer than it may then be kept. Its mail is
sent when it is processed, so its age counts from that too.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from dlq_review.models import DeadLetter
from dlq_review.retention.sweeps import STEP, erase, erase_of
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


class Outcomes:
    """Outcomes whose request is over everywhere, with its attempts.

    While the request has a dead letter or a row in the spool, a copy may still be sent.
    """

    def due(self, before: datetime) -> bool:
        return self._old(before).exists()

    @transaction.atomic
    def delete(self, before: datetime) -> int:
        old = self._old(before).order_by("at")
        locked = old.select_for_update(skip_locked=True, of=("self",))
        requests = list(locked.values_list("pk", flat=True)[:STEP])
        erase_of(requests, Attempt, Repair, Outcome)
        return len(requests)

    def _old(self, before: datetime) -> QuerySet[Outcome]:
        its = OuterRef("request_id")
        return Outcome.objects.filter(
            ~Exists(DeadLetter.objects.filter(request_id=its)),
            ~Exists(SpooledEvent.objects.filter(request_id=its)),
            ~Exists(SpooledEvent.objects.filter(cause=its)),
            at__lt=before,
        )


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


class Accounts:
    def due(self, before: datetime) -> bool:
        return unverified(before).exists()

    @transaction.atomic
    def delete(self, before: datetime) -> int:
        old = unverified(before).order_by("date_joined")
        locked = old.select_for_update(skip_locked=True, of=("self",))
        numbers = list(locked.values_list("pk", flat=True)[:STEP])
        User.objects.filter(pk__in=numbers, verified_at=None).delete()
        return len(numbers)


class Signups:
    """Sign-ups that were asked for and processed long ago."""

    def due(self, before: datetime) -> bool:
        return self._old(before).exists()

    @transaction.atomic
    def delete(self, before: datetime) -> int:
        old = self._old(before).order_by("asked_at")
        locked = old.select_for_update(skip_locked=True, of=("self",))
        numbers = list(locked.values_list("pk", flat=True)[:STEP])
        erase(Signup.objects.filter(pk__in=numbers))
        return len(numbers)

    def _old(self, before: datetime) -> QuerySet[Signup]:
        return Signup.objects.filter(~_processed_since(before), asked_at__lt=before)


class Samples:
    """The orders of the demonstration page."""

    def due(self, before: datetime) -> bool:
        return self._old(before).exists()

    @transaction.atomic
    def delete(self, before: datetime) -> int:
        old = self._old(before).order_by("pk").select_for_update(skip_locked=True)
        orders = list(old.values_list("pk", flat=True)[:STEP])
        erase(
            OrderReturn.objects.filter(order__in=orders),
            OrderItem.objects.filter(order__in=orders),
            Order.objects.filter(pk__in=orders),
        )
        return len(orders)

    def _old(self, before: datetime) -> QuerySet[Order]:
        return Order.objects.filter(
            customer_id__startswith=Order.SAMPLE_CUSTOMER,
            email__startswith="visitor-",
            email__endswith="@example.com",  # which nobody owns (RFC 2606)
            created_at__lt=before,
        )
