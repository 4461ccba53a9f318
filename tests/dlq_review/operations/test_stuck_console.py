"""`redrive_dlq` gives an operation up that SQS takes nothing of, after a few looks."""

import pytest

from dlq_review.management import operation_console
from dlq_review.models import DeadLetter, Operation
from processing.models import User
from processing.sqs import queues
from tests.builders import dead_letter, signup_requested
from tests.dlq_review.operation_runs import exit_of

pytestmark = pytest.mark.django_db

APPLY = ("--all", "--apply", "--by", "ada")
ENDLESS = 20  # looks


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, django_user_model: type[User]) -> None:
    django_user_model.objects.create(username="ada", is_superuser=True)
    looks: list[float] = []

    def look_again(seconds: float) -> None:
        looks.append(seconds)
        assert len(looks) < ENDLESS, "It looks on for ever."

    monkeypatch.setattr(operation_console, "sleep", look_again)
    monkeypatch.setattr(operation_console, "PATIENCE", 0)


def test_an_sqs_that_is_away_is_given_up(no_sqs: None) -> None:
    dead_letter()
    assert exit_of(*APPLY)[0] == 5
    assert Operation.objects.get().state == "paused"
    assert DeadLetter.objects.get().state == "open"


def test_a_queue_that_refuses_is_given_up_behind_what_the_others_took(
    sqs: None,
) -> None:
    queues.client().delete_queue(QueueUrl=queues.url("signups"))
    dead_letter()
    dead_letter(signup_requested(), queue="signups-dlq")
    assert exit_of(*APPLY)[0] == 5
    operation = Operation.objects.get()
    assert (operation.state, "signups" in operation.halted) == ("paused", True)
    found = DeadLetter.objects.order_by("queue").values_list("queue", "state")
    assert list(found) == [("orders", "redriven"), ("signups", "open")]
