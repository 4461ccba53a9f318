"""Who may read `/metrics`, and what it tells."""

import socket
import urllib.request

import pytest
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from pytest_django import Settings

from dlq_review.monitoring import report
from intake.web import metrics_listener
from processing.metrics.exposition import OPENMETRICS, PROMETHEUS, Family
from project import metrics
from tests.builders import dead_letter, order_created
from tests.metric_texts import samples

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-a-test-0123456789-0123456789"


def test_without_a_token_the_site_has_no_such_page(client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert (
        client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    )


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", TOKEN])
def test_who_has_not_the_token_is_refused(
    client: Client, settings: Settings, shown: str
) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"Authorization": shown})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert b"holdfast_" not in answer.content


def test_who_has_the_token_reads_counts_and_gauges(
    client: Client, settings: Settings, sqs: None
) -> None:
    settings.METRICS_TOKEN = TOKEN
    dead_letter()
    report.refresh()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, PROMETHEUS)
    assert "no-store" in answer["Cache-Control"]
    shown = samples(answer.content.decode())
    assert shown['holdfast_dead_letters{queue="orders",state="open"}'] == 1
    assert 'holdfast_accepted_total{type="order_created",outcome="queued"}' in shown
    asked = {**headers, "Accept": "application/openmetrics-text"}
    openmetrics = client.get("/metrics", headers=asked)
    assert openmetrics["Content-Type"] == OPENMETRICS
    assert openmetrics.content.endswith(b"# EOF\n")
    assert client.post("/metrics", headers=headers).status_code == 405


def test_no_metric_names_anybody(sqs: None) -> None:
    event = order_created(email="ada.lovelace@example.com", customer_id="C-17")
    dead_letter(event)
    report.refresh()
    text = metrics.text_of_all(PROMETHEUS)
    for word in ("ada", "example.com", "C-17", event.id, event.data.reference):
        assert word not in text


def test_without_its_database_a_web_process_still_shows_what_it_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(report, "shown", away)
    shown = samples(metrics.text_of_all(PROMETHEUS))
    assert any(name.startswith("holdfast_accepted_total") for name in shown)
    assert not any(name.startswith("holdfast_dead_letters{") for name in shown)


@pytest.mark.django_db(transaction=True)
def test_a_scrape_at_the_port_leaves_no_connection_to_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each scrape has a thread of its own, and a connection of its own."""
    report.refresh()
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(metrics_listener, "inherited", lambda: listener)
    opened: list[BaseDatabaseWrapper] = []
    shown = report.shown

    def noted() -> list[Family]:
        families = shown()
        opened.append(connections["default"])
        return families

    monkeypatch.setattr(report, "shown", noted)
    metrics.serve_at_port()
    port = listener.getsockname()[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"holdfast_" in answer.read()
    (scraped,) = opened
    assert scraped is not connections["default"]
    assert scraped.connection is None
