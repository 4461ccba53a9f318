import html
import json
import re
from http import HTTPStatus

import pytest
from django.test import Client
from pytest_django import Settings

from intake.pages import demo_samples
from processing.delivery import processor
from processing.sqs import queues
from processing.sqs.queues import receive


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
    assert json.loads(html.unescape(shown[1])) == json.loads(message.body)
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
    assert "/demo/" not in client.get("/").content.decode()
