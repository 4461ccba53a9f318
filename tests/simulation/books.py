"""The books of the simulation: what every queue and table holds, read once, and its rules."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import NAMESPACE_URL, uuid5

from dlq_review.models import Arrival, AuditEntry, DeadLetter
from processing.events.envelope import identify
from processing.models import Attempt, Outcome, SpooledEvent
from processing.sqs.topology import EVENT_QUEUES
from tests.simulation.fake_sqs import Stored

S = DeadLetter.State
PROCESSED = Outcome.Kind.PROCESSED
VERB = AuditEntry.Verb
BUG = "a bug of this release, in {}"  # the request id
EFFECT = "an effect"  # the witness: one Attempt row of this error type for each


class Books:
    def __init__(self, queues: Mapping[str, list[Stored]]) -> None:
        self._queues = queues
        effects = Attempt.objects.filter(error_type=EFFECT)
        self.effects = Counter(effects.values_list("request_id", flat=True))
        outcomes = list(
            Outcome.objects.values_list("request_id", "kind", "fingerprint")
        )
        self.outcomes = {id: kind for id, kind, _ in outcomes}
        self._done = {(id, body) for id, kind, body in outcomes if kind == PROCESSED}
        self.letters = list(DeadLetter.objects.all())
        self.held = {
            letter.request_id
            for letter in self.letters
            if letter.state in (*DeadLetter.EDITABLE, S.CLAIMED)
        }
        self._audit = Counter(AuditEntry.objects.values_list("letter", "verb"))
        spooled = SpooledEvent.objects.values_list("request_id", flat=True)
        self.on_their_way = set(spooled) | {
            identify(message.body, fallback_id=message.id).request_id
            for queue, stored in queues.items()
            if queue != "jobs"  # what a job asks for, beat does as well
            for message in stored
        }

    def check_effects(self) -> None:
        assert max(self.effects.values(), default=1) == 1, "an effect twice"
        assert self.effects.keys() <= self.outcomes.keys(), "an effect and no outcome"
        for id, kind in self.outcomes.items():
            assert (id in self.effects) == (kind == PROCESSED), f"{id} is {kind}"
        for letter in self.letters:
            if letter.state == S.DISCARDED:
                asked = (letter.request_id, letter.body_fingerprint)
                assert asked not in self._done, "discarded, and took effect"

    def check_blame(self) -> None:
        bugs = Attempt.objects.filter(error_text__startswith=BUG.partition("{")[0])
        for id, text in bugs.values_list("request_id", "error_text"):
            assert text == BUG.format(id), "blamed for a neighbour"

    def check_redrives(self) -> None:
        for letter in self.letters:
            sent = self._audit[letter.pk, VERB.SENT]
            assert letter.redrives == sent, "sent and not counted"
        for queue in EVENT_QUEUES:
            for message in self._queues[queue]:
                if "redrive" in message.attributes:
                    told = json.loads(message.attributes["redrive"]["StringValue"])
                    asked = self._audit[told["dead_letter"], VERB.CLAIMED]
                    assert asked >= told["count"], "a redrive nobody asked for"

    def check_nothing_is_lost(self, promised: Iterable[str], by_hand: set[str]) -> None:
        known = self.outcomes.keys() | by_hand | self.on_their_way | self.held
        assert not set(promised) - known, "lost"
        assert not self._follow_ups() - known, "a follow-up lost"

    def check_poison_is_in_sight(self, poison: Iterable[str]) -> None:
        waiting = {one.body for stored in self._queues.values() for one in stored}
        if unseen := set(poison) - waiting:
            pulled = Arrival.objects.filter(letter__revisions__number=0)
            unseen -= set(pulled.values_list("body", flat=True))
        assert not unseen, "a poison body out of sight"

    def moves(self) -> bool:
        """Whether anything is on its way or waits for its outcome."""
        waits = {letter.state for letter in self.letters} & {S.CLAIMED, S.REDRIVEN}
        return bool(self.on_their_way or waits)

    def _follow_ups(self) -> set[str]:
        """The mail that every processed sign-up must lead to."""
        return {
            str(uuid5(NAMESPACE_URL, f"{id}/verify_email"))
            for id, kind in self.outcomes.items()
            if kind == PROCESSED and id.startswith("sign-up")
        }
