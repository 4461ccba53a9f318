"""Every row that knows a request id."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from dlq_review.finder.lookup import MOST
from dlq_review.models import DeadLetter
from processing.models import (
    Attempt,
    Order,
    OrderReturn,
    Outcome,
    Signup,
    SpooledEvent,
    User,
)


@dataclass(slots=True)
class Rows:
    """Every row that knows the request id; newest first."""

    request_id: str
    letters: list[DeadLetter]
    attempts: list[Attempt]
    outcome: Outcome | None
    spooled: SpooledEvent | None
    made: list[models.Model]
    """The order, return, account or sign-up that the request made."""

    @property
    def all(self) -> list[models.Model]:
        single = [one for one in (self.outcome, self.spooled) if one is not None]
        return [*self.letters, *self.made, *single, *self.attempts]

    @property
    def order_ids(self) -> list[str]:
        """The ids of the orders that it is about."""
        rows = (*self.made, self.outcome, self.spooled)
        letters = [one for one in self.letters if one.order_id]
        return _different("order_id", (*rows, *letters))

    @property
    def customer_ids(self) -> list[str]:
        orders = [one.order for one in self.made if isinstance(one, OrderReturn)]
        return _different("customer_id", (*self.letters, *self.made, *orders))

    @property
    def correlation_id(self) -> str:
        """The id that ties it to other requests; empty if no row tells it."""
        letters = [one.correlation_id for one in self.letters]
        outcome = [self.outcome.correlation_id] if self.outcome else []
        return next((one for one in (*outcome, *letters) if one), "")


def _different(name: str, rows: Iterable[models.Model | None]) -> list[str]:
    found = (getattr(row, name, None) for row in rows)
    return list(dict.fromkeys(filter(None, found)))


def rows_of(request_id: str) -> Rows:
    letters = DeadLetter.objects.filter(request_id=request_id)
    return Rows(
        request_id,
        letters=list(letters.select_related("group").order_by("-pk")[:MOST]),
        attempts=list(Attempt.objects.filter(request_id=request_id)[:MOST]),
        outcome=Outcome.objects.filter(pk=request_id).first(),
        spooled=SpooledEvent.objects.filter(pk=request_id).first(),
        made=[
            *Order.objects.filter(request_id=request_id),
            *OrderReturn.objects.filter(request_id=request_id).select_related("order"),
            *User.objects.filter(request_id=request_id),
            *Signup.objects.filter(pk=request_id).select_related("account"),
        ],
    )
