"""The books of a run: each function yields one sentence for each thing that is wrong."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from django.db import connection
from django.db.models import Count, Q

from dlq_review.models import Arrival, AuditEntry, DeadLetter, FailureGroup
from dlq_review.monitoring import books
from processing.delivery.attempts import storable
from processing.models import Attempt, Order, Outcome, UnderReview
from processing.receipts import Receipt, State
from tests.boot.witness import REFUSED, TABLE
from tests.chaos.clients import Fates
from tests.chaos.producer import Sent

S = DeadLetter.State


class Audit:
    """Everything the run left behind, read once."""

    def __init__(self, fates: Fates, sent: Sent, folder: Path) -> None:
        self.fates = fates
        self.sent = sent
        self.outcomes = dict(Outcome.objects.values_list("request_id", "kind"))
        self.types = dict(Outcome.objects.values_list("request_id", "type"))
        self.waiting = set(
            DeadLetter.objects.filter(state__in=DeadLetter.WAITING).values_list(
                "request_id", flat=True
            )
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT request_id FROM {TABLE}")  # noqa: S608
            self.effects = Counter(row[0] for row in cursor.fetchall())
        self.folder = folder

    def violations(self) -> list[str]:
        checks = (
            self._every_accepted_request_has_one_place(),
            self._effects(),
            self._nothing_came_of_what_was_refused(),
            self._every_poisonous_body_is_in_review(),
            self._receipts_tell_the_truth(),
            self._every_mail_was_sent(),
            _nobody_is_blamed_for_a_neighbour(),
            _the_desk_is_in_order(),
            self.fates.wrong,
        )
        return [sentence for found in checks for sentence in found]

    def _every_accepted_request_has_one_place(self) -> Iterator[str]:
        for request_id in (*self.fates.accepted, *self.sent.events):
            kind = self.outcomes.get(request_id)
            if kind is None and request_id not in self.waiting:
                yield f"{request_id} is LOST: no outcome, not in review"
            elif kind is not None and request_id in self.waiting:
                yield f"{request_id} is {kind} and in review"

    def _effects(self) -> Iterator[str]:
        for request_id, number in self.effects.items():
            if number > 1:
                yield f"{request_id} took effect {number} times"
            if self.outcomes.get(request_id) != Outcome.Kind.PROCESSED:
                yield f"{request_id} took effect and is not processed"
        for request_id, kind in self.outcomes.items():
            if kind == Outcome.Kind.PROCESSED and request_id not in self.effects:
                yield f"{request_id} is processed and took no effect"
        for request_id in self.effects.keys() - self._known_ids():
            yield f"{request_id} took effect and nobody asked for it"

    def _known_ids(self) -> set[str]:
        known = {*self.fates.accepted, *self.fates.unknown, *self.sent.events}
        mails = ("verify_email", "already_registered")
        follow_ups = {
            str(uuid5(NAMESPACE_URL, f"{cause}/{mail}"))
            for cause in known
            for mail in mails
        }
        return known | follow_ups

    def _nothing_came_of_what_was_refused(self) -> Iterator[str]:
        made = Order.objects.filter(order_id__startswith="BAD-")
        for order in made:
            yield f"order {order.order_id} was refused and exists"

    def _every_poisonous_body_is_in_review(self) -> Iterator[str]:
        bodies = set(Arrival.objects.values_list("body", flat=True))
        for body in self.sent.poison:
            if storable(body) not in bodies:
                yield f"a poisonous body is LOST: {body[:100]!a}"

    def _receipts_tell_the_truth(self) -> Iterator[str]:
        for request_id, path in self.fates.accepted.items():
            state = Receipt(request_id, path).status().state
            expected = {
                Outcome.Kind.PROCESSED: State.DONE,
                Outcome.Kind.DISCARDED: State.NOT_ACCEPTED,
                Outcome.Kind.REFUSED: State.NOT_ACCEPTED,
                None: State.UNDER_REVIEW,
            }[self.outcomes.get(request_id)]  # type: ignore[index]
            if state != expected:
                yield f"the receipt of {request_id} says {state}, not {expected}"

    def _every_mail_was_sent(self) -> Iterator[str]:
        sent = set(_message_ids(self.folder.glob("mail/*")))
        for request_id, type_ in self.types.items():
            processed = self.outcomes[request_id] == Outcome.Kind.PROCESSED
            if type_ == "email_requested" and processed and request_id not in sent:
                yield f"mail {request_id} is processed and was never sent"


def _nobody_is_blamed_for_a_neighbour() -> Iterator[str]:
    refused = Attempt.objects.filter(error_text__startswith=REFUSED.partition("{")[0])
    for request_id, text in refused.values_list("request_id", "error_text"):
        if text != REFUSED.format(request_id):
            yield f"{request_id} was blamed for a neighbour"


def _message_ids(mails: Iterable[Path]) -> Iterator[str]:
    for path in mails:
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("Message-ID: <"):
                yield line.partition("<")[2].partition("@")[0]


def _the_desk_is_in_order() -> Iterator[str]:
    for state in (S.CLAIMED, S.REDRIVEN):
        for letter in DeadLetter.objects.filter(state=state):
            yield f"dead letter {letter.pk} is still {state}"
    sent = Count("audit", filter=Q(audit__verb=AuditEntry.Verb.SENT))
    for letter in DeadLetter.objects.annotate(sent=sent):
        if letter.redrives != letter.sent:
            yield (
                f"dead letter {letter.pk} counts {letter.redrives} redrives,"
                f" and was sent {letter.sent} times"
            )
    for group in FailureGroup.objects.annotate(
        really=Count("letters", filter=Q(letters__state__in=DeadLetter.WAITING))
    ):
        if group.waiting != group.really:
            yield f"group {group.pk} says {group.waiting} wait, and {group.really} do"
    waiting = DeadLetter.objects.filter(state__in=DeadLetter.WAITING)
    told = set(
        UnderReview.objects.filter(sent_again_at=None).values_list(
            "request_id", flat=True
        )
    )
    if told != set(waiting.values_list("request_id", flat=True)):
        yield "the marks for receipts differ from the dead letters that wait"
    for sentence, number in books.close().discrepancies.items():
        yield f"books: {number} {sentence}"
