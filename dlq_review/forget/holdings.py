"""All that is held on one address: reads only."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from dlq_review import archive
from dlq_review.forget import mail, texts
from dlq_review.forget.address import Address
from dlq_review.forget.ownership import OF_ORDERS, owns
from dlq_review.models import Arrival, DeadLetter, Operation, RedrivePolicy, Revision
from processing.models import Attempt, Order, OrderReturn, Signup, SpooledEvent, User
from processing.sqs import queues

STEP = 100  # rows of one transaction


@dataclass(frozen=True)  # without slots, which have no room for a cached property
class Holdings:
    address: Address
    _bodies: dict[int, list[bool]] = field(default_factory=dict)

    def orders(self) -> QuerySet[Order]:
        """Not yet pseudonymised."""
        return Order.objects.filter(email=self.address.canonical)

    @cached_property
    def order_ids(self) -> set[str]:
        """Also of those that a run before has pseudonymised."""
        emails = (self.address.canonical, self.address.pseudonymous_email)
        found = Order.objects.filter(email__in=emails)
        return set(found.values_list("pk", flat=True))

    def returns(self) -> QuerySet[OrderReturn]:
        return OrderReturn.objects.filter(order__in=self.order_ids).exclude(reason="")

    def accounts(self) -> QuerySet[Any]:
        names = [one.lower() for one in self.address.spellings]
        found = User.objects.alias(its_email=Lower("email"), its_name=Lower("username"))
        return found.filter(Q(its_email__in=names) | Q(its_name__in=names))

    def spooled(self) -> list[str]:
        """Their events that have not reached SQS yet."""
        rows = SpooledEvent.objects.values_list("pk", "body").iterator(STEP)
        return [pk for pk, body in rows if owns(self.address, self.order_ids, body)]

    def sessions(self) -> Iterator[str]:
        people = {str(pk) for pk in self.accounts().values_list("pk", flat=True)}
        for one in Session.objects.iterator(STEP):
            data = one.get_decoded()
            if data.get("_auth_user_id") in people or self.address.is_in(str(data)):
                yield one.pk

    @cached_property
    def letters(self) -> dict[int, str]:
        """The states of the letters of the person's requests that hold a body of theirs."""
        numbers: set[int] = set()
        for model in (Revision, Arrival):
            for row, _ in texts.naming(self.address, model._base_manager.all()):
                if owns(self.address, self.order_ids, row.body):
                    numbers.add(row.letter_id)
        theirs = DeadLetter.objects.filter(type__in=OF_ORDERS, purged_at=None)
        numbers |= set(
            theirs.filter(reference__in=self.order_ids).values_list("pk", flat=True)
        )
        found = DeadLetter.objects.filter(pk__in=numbers)
        return dict(found.values_list("pk", "state"))

    def waiting(self) -> list[int]:
        return self._in(DeadLetter.EDITABLE)

    def under_way(self) -> list[int]:
        return self._in((DeadLetter.State.CLAIMED, DeadLetter.State.REDRIVEN))

    def _in(self, states: tuple[Any, ...]) -> list[int]:
        return sorted(pk for pk, state in self.letters.items() if state in states)

    def requests(self) -> set[str]:
        """The ids of their requests, as far as a row tells whose one is."""
        return {
            *Order.objects.filter(pk__in=self.order_ids).values_list(
                "request_id", flat=True
            ),
            *OrderReturn.objects.filter(order__in=self.order_ids).values_list(
                "request_id", flat=True
            ),
            *self.accounts()
            .exclude(request_id=None)
            .values_list("request_id", flat=True),
            *Signup.objects.filter(account__in=self.accounts()).values_list(
                "pk", flat=True
            ),
            *DeadLetter.objects.filter(pk__in=self.letters).values_list(
                "request_id", flat=True
            ),
            *self.spooled(),
        }

    def attempts(self) -> QuerySet[Attempt]:
        """The attempts of their requests that have a text."""
        its = Attempt.objects.filter(request_id__in=self.requests())
        return its.exclude(error_text="", traceback="")

    def mentions(self) -> Iterator[tuple[Any, list[str]]]:
        """Every row that names the address in a text, and in which fields."""
        for model in texts.models():
            for row, changed in texts.naming(self.address, model._base_manager.all()):
                yield row, list(changed)

    def left_as_they_are(self) -> list[str]:
        """A sentence for each thing that names the person and must not change yet."""
        found: dict[str, set[Any]] = defaultdict(set)
        for model, name in ((Revision, "letter_id"), (Arrival, "letter_id")):
            rows = model._base_manager.exclude(letter__state__in=DeadLetter.SETTLED)
            for row, _ in texts.naming(self.address, rows):
                if getattr(row, name) not in self.letters:
                    found["letter"].add(getattr(row, name))
        sentences = [
            f"Dead letter {pk} is another person's request, is not settled, and names"
            " this address. Edit or settle it."
            for pk in sorted(found["letter"])
        ]
        theirs = set(self.spooled())
        for pk, body in SpooledEvent.objects.values_list("pk", "body"):
            if pk not in theirs and self.address.is_in(body):
                sentences.append(
                    f"The spool holds {pk}, another person's request, which names this"
                    " address. It goes when SQS takes it."
                )
        return sentences

    def archived(self) -> list[str]:
        """The objects of the archive that name the person, which its owner deletes."""
        rows = texts.naming(self.address, Arrival._base_manager.all())
        found = {row.pk for row, _ in rows}
        arrivals = Arrival.objects.filter(Q(letter__in=self.letters) | Q(pk__in=found))
        return sorted(filter(None, map(archive.address_of, arrivals.order_by())))

    def unfinished(self) -> list[str]:
        """The operations and policies that are not over and name the person."""
        running = Operation.objects.exclude(state__in=Operation.ENDED)
        active = RedrivePolicy.objects.exclude(state=RedrivePolicy.State.ENDED)
        return [
            f"{what} {row.pk}"
            for what, rows in (("Operation", running), ("Redrive policy", active))
            for row, _ in texts.naming(self.address, rows)
        ]

    def counts(self) -> Counter[str]:
        """How many rows of each kind hold something on the person."""
        found: Counter[str] = Counter(
            {
                "orders": self.orders().count(),
                "returns": self.returns().count(),
                "accounts": self.accounts().count(),
                "sign-ups": Signup.objects.filter(account__in=self.accounts()).count(),
                "spooled events": len(self.spooled()),
                "dead letters": len(self.letters),
                "attempts": self.attempts().count(),
                "sessions": sum(1 for _ in self.sessions()),
                "mail files": len(mail.naming(self.address)),
            }
        )
        for row, _ in self.mentions():
            found[f"texts of {row._meta.db_table}"] += 1
        return +found


def on_sqs() -> list[str]:
    """What waits on SQS, where nobody can see whose it is."""
    try:
        known = queues.depths().known
    except queues.SQS_ERRORS:
        return ["SQS does not answer, so nobody knows what is on its way."]
    return [
        f"{name}: {one.visible + one.in_flight} messages on SQS, of whomever"
        for name, one in known.items()
        if one.visible + one.in_flight
    ]


def steps(rows: list[Any]) -> Iterator[list[Any]]:
    """*rows* in lists of STEP, for a transaction each."""
    for start in range(0, len(rows), STEP):
        yield rows[start : start + STEP]
