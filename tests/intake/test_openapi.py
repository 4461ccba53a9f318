"""Requests made up from the OpenAPI document: never a 5xx, never an undocumented answer."""

from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from processing import sending
from project.wsgi import application

schemathesis = pytest.importorskip("schemathesis")
checks = schemathesis.checks
document = schemathesis.openapi.from_wsgi("/api/openapi.json", application)


@pytest.fixture
def _open_door(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that takes everything, and no limits."""
    settings.RATE_LIMIT_REQUESTS = settings.RATE_LIMIT_SIGNUPS = 10**6
    settings.RATE_LIMIT_MAILS = 10**6
    monkeypatch.setattr(sending, "publish", lambda event, **_: event.id)
    monkeypatch.setattr(
        sending,
        "publish_many",
        lambda events, _: [sending.Sent(e, "1") for e in events],
    )


@document.parametrize()  # type: ignore[untyped-decorator]  # importorskip has no types
@hypothesis_settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.django_db
@pytest.mark.usefixtures("_open_door")
def test_the_api_answers_as_its_document_says(case: Any) -> None:
    # Some rules no schema can say: a sum, a key used before. Some refusals are per item.
    beyond_the_schema = [
        checks.positive_data_acceptance,
        checks.negative_data_rejection,
    ]
    case.call_and_validate(excluded_checks=beyond_the_schema)


def test_the_document_and_its_page_use_nothing_from_elsewhere(client: Client) -> None:
    assert client.get("/api/openapi.json").json()["openapi"].startswith("3.1")
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "http" not in page.content.decode().replace("application/json", "")
