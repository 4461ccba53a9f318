import html
import json
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from pytest_django import Settings

from intake.pages import demo_samples
from processing.delivery import processor, spool
from processing.events.contracts import OrderCreated
from processing.models import Order
from processing.sqs import queues
from processing.sqs.queues import receive
from tests.outages import away


@pytest.fixture(autouse=True)
def _demo(settings: Settings) -> None:
    settings.DEMO = True


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "queue"), [("order", "orders"), ("signup", "signups")]
)
def test_a_sample_is_shown_as_it_stands_on_the_queue_and_then_as_done(
    client: Client, sqs: None, kind: str, queue: str
) -> None:
    answer = client.post(f"/demo/{kind}")
    assert answer.status_code == HTTPStatus.SEE_OTHER
    page = client.get(answer.headers["Location"]).content.decode()
    (message,) = receive(queue)
    shown = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert shown
    body = html.unescape(shown[1])
    assert json.loads(body) == json.loads(message.body)
    assert body.startswith('{\n  "id"')
    assert f"The message on the queue <code>{queue}</code>" in page
    assert 'data-state="received"' in page
    processor.handle(message)
    page = client.get(answer.headers["Location"]).content.decode()
    assert 'data-state="done"' in page


def test_samples_differ_from_each_other() -> None:
    assert (
        demo_samples.sample("order").data.reference
        != demo_samples.sample("order").data.reference
    )


@pytest.mark.parametrize("token", ["x", "order.x.y"])
def test_an_unknown_sample_is_not_found(client: Client, token: str) -> None:
    answer = client.get(f"/demo/sent/{token}/")
    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_the_broken_message_is_sent_in_development_only(
    client: Client, sqs: None, settings: Settings
) -> None:
    assert client.post("/demo/broken").status_code == HTTPStatus.NOT_FOUND
    assert "Send a broken message" not in client.get("/demo/").content.decode()
    settings.DEBUG = True
    assert "Send a broken message" in client.get("/demo/").content.decode()
    assert "triage desk" in client.post("/demo/broken").content.decode()
    (message,) = queues.receive("orders")
    assert message.body == '{"invalid_json": "this will cause a parsing error"'


def test_a_demonstration_without_sqs_says_so(
    client: Client, no_sqs: None, settings: Settings
) -> None:
    settings.DEBUG = True
    answer = client.post("/demo/broken")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_where_it_is_switched_off_there_is_no_demonstration(
    client: Client, settings: Settings
) -> None:
    settings.DEMO = False
    assert client.get("/demo/").status_code == HTTPStatus.NOT_FOUND
    assert client.post("/demo/order").status_code == HTTPStatus.NOT_FOUND
    settings.DEBUG = True
    assert client.post("/demo/broken").status_code == HTTPStatus.NOT_FOUND
    assert "/demo/" not in client.get("/").content.decode()


def test_where_it_is_switched_on_the_home_page_leads_to_it(client: Client) -> None:
    assert "/demo/" in client.get("/").content.decode()
    assert client.post("/demo/another").status_code == HTTPStatus.NOT_FOUND


def test_a_sample_that_cannot_be_stored_says_so(
    client: Client, no_sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "add", away)
    answer = client.post("/demo/order")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "We could not store your request just now." in answer.content.decode()


def test_a_sample_can_be_told_from_an_order_and_is_of_now() -> None:
    sample = demo_samples.sample("order")
    assert isinstance(sample.data, OrderCreated)
    assert sample.data.customer_id == Order.SAMPLE_CUSTOMER + sample.id[-4:]
    assert sample.correlation_id == sample.id
    assert abs(datetime.now(UTC) - sample.timestamp) < timedelta(seconds=10)
