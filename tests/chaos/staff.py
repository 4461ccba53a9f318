"""A member of staff who triages without a pause: `python -m tests.chaos.staff ada`."""

import json
import random
import sys
import time

import django

django.setup()

from django.db import DatabaseError  # noqa: E402

from dlq_review.errors import ReviewError  # noqa: E402
from dlq_review.letters import current_event, revisions, settlement  # noqa: E402
from dlq_review.models import DeadLetter  # noqa: E402
from tests.builders import redrive_now  # noqa: E402

S = DeadLetter.State
PAUSE = 0.1  # seconds between two deeds


def main(name: str) -> None:
    while True:
        time.sleep(PAUSE)
        try:
            letters = DeadLetter.objects.filter(state__in=(S.OPEN, S.DISCARDED))
            quarantined = DeadLetter.objects.filter(state=S.QUARANTINED)
            for letter in (*letters.order_by("?")[:4], *quarantined.order_by("?")[:1]):
                triage(letter, name)
        except DatabaseError as error:
            say(f"database={type(error).__name__}")


def triage(letter: DeadLetter, by: str) -> None:
    deed = _choose(letter)
    try:
        if deed == "redrive":
            time.sleep(random.SystemRandom().random() * 0.2)  # while others look too
            redrive_now(letter, by=by, reason="chaos")
        elif deed == "edit":
            _edit(letter, by)
            redrive_now(letter, by=by, reason="chaos, edited")
        elif deed == "discard":
            settlement.discard(letter, by=by, reason="chaos")
        elif deed == "restore":
            settlement.restore(letter, by=by, reason="chaos")
    except ReviewError as error:
        say(f"letter={letter.pk} deed={deed} refused={type(error).__name__}")
    else:
        say(f"letter={letter.pk} deed={deed} done")


def _choose(letter: DeadLetter) -> str:
    deeds = {
        S.OPEN: {"redrive": 75, "edit": 15, "discard": 10},
        S.QUARANTINED: {"redrive": 20, "discard": 10, "look": 70},
        S.DISCARDED: {"restore": 5, "look": 95},
    }[S(letter.state)]
    return random.SystemRandom().choices(list(deeds), list(deeds.values()))[0]


def _edit(letter: DeadLetter, by: str) -> None:
    current_event.event_in(
        letter, current_event.current(letter).body
    )  # else there is no knowing
    body = json.loads(current_event.current(letter).body)
    if "items" in body["data"]:
        body["data"]["items"][0]["sku"] = f"EDIT-{letter.revision + 1}"
    revisions.edit(
        letter, json.dumps(body), based_on=letter.revision, by=by, reason="chaos"
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1])
