"""Who may read `/metrics`, and what it tells."""

import socket
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from dlq_review.monitoring import report
from processing.metrics.exposition import OPENMETRICS, PROMETHEUS
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


def asked(
    path: str,
    method: str = "GET",
    port: str = "9101",
    used: socket.socket | None = None,
) -> tuple[str, bytes]:
    """The status and the body of a request to a server with METRICS_PORT=9101."""
    said: list[str] = []

    def site(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"the site"]

    environ = {
        "SERVER_PORT": port,
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "gunicorn.socket": used,
    }
    answer = metrics.with_metrics_port(site)(
        environ, lambda status, _: said.append(status)
    )
    return said[0], b"".join(answer)


def test_the_metrics_port_has_the_metrics_and_nothing_of_the_site(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test's transaction would be closed with its connection.
    monkeypatch.setattr(metrics, "close_old_connections", lambda: None)
    settings.METRICS_PORT = 9101
    status, body = asked("/metrics")
    assert status == "200 OK"
    assert b"holdfast_messages_processed_total" in body
    for path, method in (("/", "GET"), ("/admin/", "GET"), ("/metrics", "POST")):
        assert asked(path, method)[0] == "404 Not Found"


def test_every_other_port_has_the_site(settings: Settings) -> None:
    settings.METRICS_PORT = 9101
    assert asked("/metrics", port="8000")[1] == b"the site"
    with socket.socket(socket.AF_UNIX) as used:  # the client's Host names the port
        assert asked("/metrics", used=used)[1] == b"the site"
    settings.METRICS_PORT = 0
    assert asked("/metrics", port="0")[1] == b"the site"


def test_without_its_database_a_web_process_still_shows_what_it_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(report, "shown", away)
    shown = samples(metrics.text_of_all(PROMETHEUS))
    assert any(name.startswith("holdfast_accepted_total") for name in shown)
    assert not any(name.startswith("holdfast_dead_letters{") for name in shown)
