"""The page of a receipt, as the state of its request goes on."""

from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from dlq_review.letters import settlement
from processing.delivery import processor
from processing.events.envelope import Event
from processing.receipts import Receipt
from tests.builders import dead_letter, failed_attempt, order_created

pytestmark = pytest.mark.django_db


def discarded(event: Event) -> None:
    settlement.discard(dead_letter(event), by="ada", reason="x")


@pytest.mark.parametrize(
    ("deed", "reloads"),
    [
        (lambda _: None, True),
        (failed_attempt, True),
        (dead_letter, True),
        (processor.process, False),
        (discarded, False),
    ],
)
def test_without_javascript_the_page_reloads_until_the_state_is_final(
    client: Client, deed: Callable[[Event], object], reloads: bool
) -> None:
    event = order_created()
    deed(event)
    page = reverse("intake:receipt", args=[Receipt.of(event).token])
    text = client.get(page).content.decode()
    told = '<noscript><meta http-equiv="refresh" content="3"></noscript>'
    assert (told in text) is reloads
    assert ("This page reloads every few seconds." in text) is reloads


@pytest.mark.parametrize("prefix", ["", "/shop"])
def test_who_asks_for_a_mail_is_back_at_the_receipt(
    client: Client, prefix: str
) -> None:
    event = order_created()
    dead_letter(event)
    page = reverse("intake:receipt", args=[Receipt.of(event).token])
    answer = client.post(page, SCRIPT_NAME=prefix)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["Location"] == prefix + page
