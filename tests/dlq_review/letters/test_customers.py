"""The customers of letters that an earlier release stored are noted, step by step."""

import pytest

from dlq_review.letters import customers, revisions
from dlq_review.models import DeadLetter
from tests.builders import dead_letter, order_created

pytestmark = pytest.mark.django_db


def test_each_letter_gets_the_customer_of_its_current_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(customers, "STEP", 3)
    monkeypatch.setattr(customers, "AT_ONCE", 2)
    letters = [dead_letter(order_created(customer_id=f"C-{n}")) for n in range(4)]
    event = order_created(customer_id="C-8")
    edited = dead_letter(event)
    body = event.body.replace("C-8", "C-9")
    revisions.edit(edited, body, based_on=0, by="ada", reason="x")
    unreadable = dead_letter("no event")
    DeadLetter.objects.update(customer_id=None)
    known = dead_letter(order_created(customer_id="C-7"))
    DeadLetter.objects.filter(pk=known.pk).update(customer_id="kept")
    assert customers.note(seconds=60) == 6
    found = dict(DeadLetter.objects.values_list("pk", "customer_id"))
    assert found == {
        **{letter.pk: f"C-{n}" for n, letter in enumerate(letters)},
        edited.pk: "C-9",
        unreadable.pk: "",
        known.pk: "kept",
    }


def test_no_letter_is_noted_when_the_time_is_over() -> None:
    dead_letter()
    DeadLetter.objects.update(customer_id=None)
    assert customers.note(seconds=0) == 0
