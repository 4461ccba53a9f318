"""One step of the product in a process of its own: `python -m tests.crash_points.steps`.

The step's name and its arguments stand on the command line; the environment says where
it crashes.
"""

import json
import sys
import time

import django

django.setup()

from django.test import Client  # noqa: E402

from dlq_review import archive  # noqa: E402
from dlq_review.errors import ReviewError  # noqa: E402
from dlq_review.letters import current_event, revisions, settlement  # noqa: E402
from dlq_review.models import DeadLetter  # noqa: E402
from dlq_review.operations import runner  # noqa: E402
from dlq_review.pull import puller  # noqa: E402
from dlq_review.redrive import sender, undo_window  # noqa: E402
from dlq_review.redrive.terms import Redrive, Terms  # noqa: E402
from dlq_review.schedule import runs  # noqa: E402
from processing.delivery import spool  # noqa: E402
from processing.events import envelope  # noqa: E402
from tests.builders import redrive_now  # noqa: E402


def accept(body: str, key: str) -> None:
    """As a client of the JSON API that sends the request *body* with its key."""
    answer = Client().post(
        "/api/orders",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": key},
        HTTP_HOST="127.0.0.1",
    )
    sys.stdout.write(f"{answer.status_code} {answer.json()['requestId']}")


def relay(body: str) -> None:
    spool.add(envelope.parse(body, fallback_id=""), "ConnectTimeoutError")
    spool.relay()


def pull() -> None:
    puller.pull()


def archive_arrivals() -> None:
    archive.run(seconds=20)


def redrive(request_id: str) -> None:
    redrive_now(_letter(request_id), by="ada")


def redrive_all() -> None:
    """Redrive all that waits, as an operation does with a set of it."""
    waiting = DeadLetter.objects.filter(state="open").order_by("pk")
    sender.redrive_many([Redrive(one, one.revision) for one in waiting], Terms("ada"))


def discard_all() -> None:
    waiting = list(DeadLetter.objects.filter(state="open").order_by("pk"))
    settlement.discard_all(waiting, by="ada", reason="test")


def operate() -> None:
    runner.run_all(seconds=20)


def schedule() -> None:
    """Begin the runs of redrive policies that are due."""
    runs.begin_due()


def redrive_at(request_id: str, moment: str) -> None:
    """Look at the letter now, and redrive it at *moment*, seconds since the epoch."""
    letter = _letter(request_id)
    time.sleep(max(0, float(moment) - time.time()))
    try:
        sys.stdout.write(redrive_now(letter, by="ada"))
    except ReviewError as refused:
        sys.stdout.write(type(refused).__name__)


def edit_and_redrive(request_id: str, sku: str) -> None:
    letter = _letter(request_id)
    body = json.loads(current_event.current(letter).body)
    body["data"]["items"][0]["sku"] = sku
    revisions.edit(letter, json.dumps(body), based_on=0, by="ada", reason="test")
    redrive_now(letter, by="ada")


def discard(request_id: str) -> None:
    settlement.discard(_letter(request_id), by="ada", reason="test")


def settle() -> None:
    undo_window.send_due()
    sender.resend_claimed()
    settlement.reconcile()


def _letter(request_id: str) -> DeadLetter:
    return DeadLetter.objects.get(request_id=request_id)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
