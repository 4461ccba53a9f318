"""The host that a request of the API was sent to."""

from http import HTTPStatus

import pytest
from django.test import Client
from pytest_django import Settings

from processing.models import SpooledEvent
from tests.intake.clients import send
from tests.intake.endpoints import TAKING
from tests.intake.public_pages import queued

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("endpoint", TAKING, ids=lambda one: one[1]),
]


@pytest.fixture(autouse=True)
def our_name(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["shop.example.com"]


def test_what_was_sent_to_a_foreign_host_is_not_stored(
    client: Client, sqs: None, endpoint: tuple[str, str]
) -> None:
    answer = send(client, *endpoint, TAKING[endpoint], Host="evil.example.net")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert queued("orders") + queued("signups") == []
    assert not SpooledEvent.objects.exists()


@pytest.mark.parametrize("prefix", ["", "/below"])
def test_a_status_is_at_the_host_and_prefix_that_the_request_was_sent_to(
    client: Client, sqs: None, endpoint: tuple[str, str], prefix: str
) -> None:
    client.defaults["SCRIPT_NAME"] = prefix
    host = "shop.example.com:8443"
    answer = send(client, *endpoint, TAKING[endpoint], Host=host).json()
    (accepted,) = answer.get("results", [answer])
    begins = f"http://{host}{prefix}/api/requests/{accepted['requestId']}."
    assert accepted["statusUrl"].startswith(begins)
